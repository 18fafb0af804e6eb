import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node'

/**
 * Closes the output with the plain line `N passed, N failed`: after everything else Vitest prints,
 * and also when the run broke before, between or after the tests. It has the last word on the exit
 * code, too, because an exit hook of somebody else's may end the process with 0.
 */
export default class Tally implements Reporter {
  #passed = 0
  #failed = 0
  #reason: TestRunEndReason | undefined

  onInit(): void {
    process.once('exit', (code) => {
      // A server that would not start, no test found, a hook that hung: no test failed, the run did.
      const broken = code !== 0 || this.#reason !== 'passed'
      if (broken && this.#failed === 0) this.#failed = 1
      if (this.#failed > 0) process.exitCode = code || 1
      process.stdout.write(`${this.#passed} passed, ${this.#failed} failed\n`)
    })
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: readonly unknown[],
    reason: TestRunEndReason,
  ): void {
    this.#reason = reason
    this.#passed = 0
    this.#failed = unhandled.length
    for (const module of modules) {
      if (module.errors().length > 0) this.#failed++
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) this.#failed++
      }
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') this.#passed++
        if (state === 'failed') this.#failed++
      }
    }
  }
}
