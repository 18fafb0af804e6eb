import { clock, suspendedSince } from '@reprise/core'
import { neverServed, type Outlook, outlookOf } from './outage.ts'

/** Who waits in a pool for a client, as pg-pool has him. */
export interface Waiting {
  timedOut?: boolean
  callback(error: Error | undefined, client: unknown, release: unknown): void
}

/** How soon anybody looks again, in milliseconds: a deadline may be as short as nothing. */
const soonest = 10

/** A pool, as far as it can be seen who waits there. */
export interface Waited {
  readonly options?: { readonly connectionTimeoutMillis?: number | undefined }
  readonly _pendingQueue?: Waiting[]
  readonly _clients?: readonly object[]
  on?(event: 'acquire' | 'release', listener: () => void): unknown
}

/** When a pool last handed a client out, or had one back, by the clock of `performance.now()`. */
interface Service {
  last: number
}

/**
 * From now on nobody waits in a pool for a server that is down for longer than the session does that he
 * waits for: pg-pool lets him wait for those before him, one deadline after another. Where it has been
 * given a limit of its own, that holds.
 */
export function limitWaiting(pool: Waited): void {
  const queue = pool._pendingQueue
  if (queue === undefined || pool.options?.connectionTimeoutMillis) return
  const service: Service = { last: Number.NEGATIVE_INFINITY }
  const note = (): void => {
    service.last = clock.now()
  }
  pool.on?.('acquire', note)
  pool.on?.('release', note)
  Object.defineProperty(queue, 'push', {
    configurable: true,
    writable: true,
    value(...come: Waiting[]) {
      for (const each of come) new QueuedCaller(pool, each, service).look()
      return Array.prototype.push.apply(queue, come)
    },
  })
}

/** Who waits for a client, from when he joins the queue until he has one or is told that there is none. */
class QueuedCaller {
  readonly #pool: Waited
  readonly #service: Service
  readonly #item: Waiting
  readonly #answer: Waiting['callback']
  readonly #from = clock.now()
  #timer: NodeJS.Timeout | undefined

  constructor(pool: Waited, item: Waiting, service: Service) {
    this.#pool = pool
    this.#service = service
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
    const unserved = unservedSince(clients, this.#service.last)
    const since = Math.max(this.#from, unserved ?? now)
    const left = deadline - (now - since) + suspendedSince(since)
    // Node's timers may be early by a part of a millisecond.
    if (left <= 1 && unserved !== undefined) this.#leave(known)
    else this.#timer = clock.setTimeout(() => this.look(), Math.max(left, soonest)).unref()
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
 * Since when nobody in a pool has had a server, as far as is known; undefined where somebody has one, or
 * nobody looks for it. It is asked anew at each look: that nobody had one then and nobody has one now does
 * not say that nobody had one in between.
 *
 * @param served when a client was last handed out or given back
 */
function unservedSince(clients: readonly object[], served: number): number | undefined {
  const outlooks = clients.map(outlookOf).filter((outlook) => outlook !== undefined)
  if (outlooks.length < clients.length || outlooks.some(({ connected }) => connected))
    return undefined
  const sought = outlooks.some(({ down }) => down) || outlooks.every(({ waiting }) => waiting)
  return sought ? Math.max(served, ...outlooks.map(({ lostAt }) => lostAt)) : undefined
}
