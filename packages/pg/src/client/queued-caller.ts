import { clock, suspendedSince } from '@reprise/core'
import { neverServed, type Outlook, outlookOf } from './outage.ts'

/** Who waits in a pool for a client, as pg-pool has him. */
export interface Waiting {
  timedOut?: boolean
  callback(error: Error | undefined, client: unknown, release: unknown): void
}

/** A pool, as far as it can be seen who waits there. */
export interface Waited {
  readonly options?: { readonly connectionTimeoutMillis?: number | undefined }
  readonly _pendingQueue?: Waiting[]
  readonly _clients?: readonly object[]
}

/**
 * From now on nobody waits in a pool for a server that is down for longer than the session does that he
 * waits for: pg-pool lets him wait for those before him, one deadline after another. Where it has been
 * given a limit of its own, that holds.
 */
export function limitWaiting(pool: Waited): void {
  const queue = pool._pendingQueue
  if (queue === undefined || pool.options?.connectionTimeoutMillis) return
  Object.defineProperty(queue, 'push', {
    configurable: true,
    writable: true,
    value(...come: Waiting[]) {
      for (const each of come) new QueuedCaller(pool, each).look()
      return Array.prototype.push.apply(queue, come)
    },
  })
}

/** Who waits for a client, from when he joins the queue until he has one or is told that there is none. */
class QueuedCaller {
  readonly #pool: Waited
  readonly #item: Waiting
  readonly #answer: Waiting['callback']
  readonly #from = clock.now()
  /** Since when the server is down and he waits for it. */
  #since: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(pool: Waited, item: Waiting) {
    this.#pool = pool
    this.#item = item
    this.#answer = item.callback
    item.callback = (...given) => {
      clock.clearTimeout(this.#timer)
      Reflect.apply(this.#answer, item, given)
    }
  }

  /** Looks how things are, and when to look again. */
  look(): void {
    const { _clients: clients = [] } = this.#pool
    const [known] = clients.filter((client) => outlookOf(client) !== undefined)
    if (known === undefined) return
    const { deadline } = outlookOf(known) as Outlook
    const now = clock.now()
    const downFor = outageOf(clients)
    if (downFor === undefined) this.#since = undefined
    else this.#since ??= Math.max(this.#from, now - downFor)
    const since = this.#since ?? now
    const left = deadline - (now - since) + suspendedSince(since)
    // Node's timers may be early by a part of a millisecond.
    if (left <= 1) this.#leave(known)
    else this.#timer = clock.setTimeout(() => this.look(), left).unref()
  }

  #leave(session: object): void {
    const { _pendingQueue: queue = [] } = this.#pool
    const at = queue.indexOf(this.#item)
    if (at >= 0) queue.splice(at, 1)
    // A client that is being connected for him goes to the next.
    this.#item.timedOut = true
    Reflect.apply(this.#answer, this.#item, [neverServed(session), undefined, () => undefined])
  }
}

/**
 * For how long nobody in a pool has had a server, as far as is known; undefined where somebody has one, or
 * nobody looks for it.
 */
function outageOf(clients: readonly object[]): number | undefined {
  const outlooks = clients.map(outlookOf)
  if (outlooks.some((outlook) => outlook === undefined || outlook.connected)) return undefined
  const known = outlooks.map((outlook) => outlook?.downFor).filter((ms) => ms !== undefined)
  if (known.length > 0) return Math.max(...known)
  return outlooks.every((outlook) => outlook?.waiting) ? 0 : undefined
}
