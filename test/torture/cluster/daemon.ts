import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Account } from '../../kit/binaries.ts'
import { environment } from '../../kit/cluster.ts'

/** What to run, and where. */
export interface DaemonOptions {
  readonly program: string
  readonly args: readonly string[]
  /** Its working directory, by which it is known as ours; its output is appended to `log` in it. */
  readonly directory: string
  readonly account: Account
  /** More directories to look for programs in. */
  readonly path?: string
}

/** One program of a cluster that runs until it is killed. */
export class Daemon {
  readonly #child: ChildProcess
  readonly #log: string

  private constructor(child: ChildProcess, log: string) {
    this.#child = child
    this.#log = log
    child.on('error', () => {})
  }

  static start({ program, args, directory, account, path }: DaemonOptions): Daemon {
    const log = join(directory, 'log')
    const output = openSync(log, 'a')
    const child = spawn(program, args, {
      ...account,
      cwd: directory,
      // A group of its own: an interrupt typed at the terminal must not stop it.
      detached: true,
      env: { ...environment(), LC_ALL: 'C.UTF-8', PATH: `${path ?? ''}:/usr/bin:/bin` },
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    child.unref()
    return new Daemon(child, log)
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** The last lines that it wrote. */
  lastWords(): string {
    return readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-15).join('\n')
  }
}
