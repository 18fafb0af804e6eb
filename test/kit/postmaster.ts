import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, environment } from './cluster.ts'
import type { Log } from './log.ts'
import { until } from './until.ts'

/** How a server stops: waits for its clients; throws them out; or dies and recovers at next start. */
export type StopMode = 'smart' | 'fast' | 'immediate'

const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const

// The watchdog sees to it anyway; this is merely sooner.
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGQUIT')
})

/** One run of a server: from its start to the end of its main process. */
export class Postmaster {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = once(child, 'exit').finally(() => running.delete(child))
    // Somebody who asks learns of it; that nobody asks is no reason to crash.
    this.#ended.catch(() => {})
    running.add(child)
  }

  /** Starts the cluster's server; resolves when it accepts connections. */
  static async start(cluster: Cluster, port: number, log: Log): Promise<Postmaster> {
    const child = spawn(cluster.program('postgres'), ['-D', cluster.data, '-p', String(port)], {
      ...cluster.account,
      cwd: cluster.base,
      // A group of its own: an interrupt typed at the terminal must not stop it under a test.
      detached: true,
      env: environment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    log.read(child.stderr)
    const postmaster = new Postmaster(child)
    const ready = () => {
      if (!postmaster.alive) {
        throw new Error(`The server did not start:\n${log.tail().slice(-20).join('\n')}`)
      }
      return postmaster.#isReady(cluster.data)
    }
    await until(ready, { what: 'the server to start', timeoutMs: 60_000 })
    return postmaster
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid ?? -1
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.pid > 0
  }

  /** Stops it, and resolves when it is gone. A harsher mode may overtake a gentler one. */
  async stop(mode: StopMode): Promise<void> {
    if (!this.alive) return
    this.#child.kill(signals[mode])
    await this.#ended
  }

  // The lock file says so in its last line, whatever language the log is in.
  #isReady(data: string): boolean {
    try {
      const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
      return Number(lines[0]) === this.pid && /^(ready|standby)/.test(lines[7] ?? '')
    } catch {
      return false
    }
  }
}
