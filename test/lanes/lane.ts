import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { History } from './history.ts'
import { kindTitles, laneKind } from './kind.ts'
import type { Failure, FromLane, LaneOrder, ToLane } from './messages.ts'

/** Who keeps account of what a lane was told: a ledger. */
export interface Witness {
  acknowledged(token: string): void
  rejected(token: string, error: unknown): void
}

const entry = new URL('./process.ts', import.meta.url)
const startLimitMs = 60_000
const pauseAfterFailedStartMs = 100

/**
 * One client under fire, in a process of its own. A process that crashes is counted and started again at once, as
 * whoever runs applications would do, so that the lane goes on.
 */
export class Lane {
  readonly order: LaneOrder
  readonly history: History = new History()
  readonly #witness: Witness
  readonly #clock: () => number
  /** Work that was begun and of which nothing was heard yet. */
  readonly #begun: Set<string> = new Set()
  readonly #firstReady: PromiseWithResolvers<void> = Promise.withResolvers()
  readonly #ended: PromiseWithResolvers<void> = Promise.withResolvers()
  #child: ChildProcess | undefined
  #going = false
  #stopping = false
  #disposed = false
  #ready = false
  #settled = false

  /** @param clock the time of the experiment, in milliseconds since it began */
  constructor(order: LaneOrder, witness: Witness, clock: () => number) {
    this.order = order
    this.#witness = witness
    this.#clock = clock
  }

  /** Starts its process; resolves when its client is open and its workers could go. */
  async start(): Promise<void> {
    this.#spawn()
    const limit = AbortSignal.timeout(startLimitMs)
    limit.addEventListener('abort', () =>
      this.#firstReady.reject(new Error(`${this.#name} did not start within a minute`)),
    )
    await this.#firstReady.promise
  }

  /** Lets its workers work. */
  go(): void {
    this.#going = true
    this.#tell({ is: 'go' })
  }

  /**
   * Lets its workers finish what they have begun and the client close; answers how many calls had not come back when
   * the limit was reached (0 is the answer of a lane that is well).
   */
  async stop(limitMs: number): Promise<number> {
    this.#stopping = true
    this.#tell({ is: 'stop' })
    const limit = new AbortController()
    await Promise.race([
      this.#ended.promise,
      sleep(limitMs, undefined, { signal: limit.signal }).catch(() => {}),
    ])
    limit.abort()
    return this.#settled ? Number(this.#child !== undefined) : this.#begun.size
  }

  /** How many calls have not come back. */
  get open(): number {
    return this.#begun.size
  }

  /** Ends its process, whatever it does. */
  async dispose(): Promise<void> {
    this.#disposed = true
    const child = this.#child
    if (child === undefined) return
    child.kill('SIGKILL')
    await this.#ended.promise
  }

  get #name(): string {
    return `${this.order.subject} ${kindTitles[laneKind(this.order)]}`
  }

  #spawn(): void {
    const child = fork(entry, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child = child
    this.#ready = false
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4096)
    })
    child.on('message', (message: FromLane) => this.#hear(message))
    child.on('error', () => {})
    child.on('close', (code) => this.#close(code, said))
    this.#tell({ is: 'order', order: this.order })
  }

  #tell(message: ToLane): void {
    // It may just have died; its end is heard of elsewhere.
    if (this.#child?.connected) this.#child.send(message, () => {})
  }

  #hear(message: FromLane): void {
    const at = this.#clock()
    switch (message.is) {
      case 'ready':
        this.#ready = true
        this.#firstReady.resolve()
        if (this.#going) this.#tell({ is: 'go' })
        if (this.#stopping) this.#tell({ is: 'stop' })
        return
      case 'refused':
        if (this.#going) this.#fail(at, message.failure)
        return
      case 'began':
        this.#begun.add(message.token)
        return
      case 'acknowledged':
        this.#begun.delete(message.token)
        this.history.acknowledged.push(at)
        this.#witness.acknowledged(message.token)
        return
      case 'failed':
        this.#begun.delete(message.token)
        this.#fail(at, message.failure)
        this.#witness.rejected(message.token, message.failure)
        return
      case 'settled':
        this.#settled = true
    }
  }

  #fail(at: number, failure: Failure): void {
    this.history.failed.push({ at, failure })
  }

  #close(code: number | null, said: string): void {
    this.#child = undefined
    this.#begun.clear()
    const asked = this.#disposed || (this.#settled && code === 0)
    if (!asked) this.history.crashes.push({ at: this.#clock(), reason: lastWords(said) })
    if (asked || this.#stopping) this.#ended.resolve()
    else if (this.#going) this.#spawnAgain()
    else {
      this.#firstReady.reject(new Error(`${this.#name} could not start: ${said.trim()}`))
      this.#ended.resolve()
    }
  }

  #spawnAgain(): void {
    setTimeout(
      () => {
        if (this.#disposed || this.#stopping) this.#ended.resolve()
        else this.#spawn()
      },
      this.#ready ? 0 : pauseAfterFailedStartMs,
    )
  }
}

/** The line of a stack trace that names the error. */
function lastWords(said: string): string {
  const line = said.split('\n').find((text) => /^\w*error\b.*: /i.test(text))
  return line ?? said.trim().split('\n').at(-1) ?? ''
}
