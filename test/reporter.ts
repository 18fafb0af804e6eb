import type { Reporter, TestCase, TestModule, TestRunEndReason, TestSuite } from 'vitest/node'

/**
 * Closes the output with the plain line `N passed, N failed`: after everything else Vitest prints,
 * and also when the run broke before, between or after the tests, or was interrupted. It has the
 * last word on the exit code, too, because an exit hook of somebody else's may end the process
 * with 0.
 */
export default class Tally implements Reporter {
  readonly #running = new Set<TestCase>()
  readonly #skipped: string[] = []
  #passed = 0
  #failed = 0
  #reason: TestRunEndReason | undefined

  onInit(): void {
    process.once('exit', (code) => {
      // A server that would not start, no test found, a hook that hung: no test failed, the run did.
      const broken = code !== 0 || this.#reason !== 'passed'
      if (broken && this.#failed === 0) this.#failed = 1
      if (this.#failed > 0) process.exitCode = code || 1
      for (const reason of this.#skipped) process.stdout.write(`Skipped: ${reason}\n`)
      for (const test of this.#running) process.stdout.write(`Not finished: ${test.fullName}\n`)
      process.stdout.write(`${this.#passed} passed, ${this.#failed} failed\n`)
    })
  }

  onTestRunStart(): void {
    this.#running.clear()
    this.#skipped.length = 0
    this.#passed = 0
    this.#failed = 0
    this.#reason = undefined
  }

  onTestCaseReady(test: TestCase): void {
    this.#running.add(test)
  }

  onTestCaseResult(test: TestCase): void {
    this.#running.delete(test)
    const result = test.result()
    if (result.state === 'passed') this.#passed++
    if (result.state === 'failed') this.#failed++
    if (result.state === 'skipped' && result.note) {
      this.#skipped.push(`${test.fullName}: ${result.note}`)
    }
  }

  /** A suite fails by itself where its hooks do. */
  onTestSuiteResult(suite: TestSuite): void {
    if (suite.errors().length > 0) this.#failed++
  }

  /** A file fails by itself where it cannot be loaded, or its process dies. */
  onTestModuleEnd(module: TestModule): void {
    if (module.errors().length > 0) this.#failed++
  }

  onTestRunEnd(
    _modules: readonly TestModule[],
    unhandled: readonly unknown[],
    reason: TestRunEndReason,
  ): void {
    this.#failed += unhandled.length
    this.#reason = reason
  }
}
