import { type LoadBalance, loadBalances, readHost, type Target, targets } from './hosts.ts'
import { isLog, type Log } from './log.ts'
import { isPoolOrClient } from './misuse.ts'
import type { BackoffOptions } from './pace/backoff.ts'
import type { BudgetOptions } from './pace/budget.ts'
import type { GateOptions } from './pace/gate.ts'

/** The options of every door. All are optional. */
export interface RepriseOptions {
  /** How long one statement may wait for its recovery, in milliseconds. Default 30 000. */
  readonly deadline?: number | undefined
  /** Whether a lost transaction is executed again and compared. Default `'verified'`. */
  readonly replay?: 'verified' | 'off' | undefined
  /**
   * What resolves a commit in doubt: the transaction id, a token row in a table of yours, or
   * nothing. Default `'xid'`.
   */
  readonly witness?: 'xid' | { readonly token: string } | 'off' | undefined
  /**
   * Hold the Sync of an autocommit write, and a COMMIT whose transaction id is not known yet, until
   * the witness has arrived. Costs these one more round trip and leaves no doubt as long as the
   * server can be asked. Default false.
   */
  readonly exactlyOnce?: boolean | undefined
  /** What one open transaction may keep in memory for its replay. Default 16 MiB. */
  readonly maxTapeBytes?: number | undefined
  /**
   * A statement that ran longer than this many milliseconds when its backend was terminated is taken
   * for a runaway query that somebody wanted gone: it is not run again. Default 10 000.
   */
  readonly operatorAfter?: number | undefined
  /**
   * Whether a statement or a connect that would have to wait for a server known to be down fails at
   * once, with `reason` `'down'`. For the pool of a health check; `failFast()` does it for a
   * callback. Default false.
   */
  readonly failFast?: boolean | undefined
  /**
   * When a statement is under way and not a byte has moved for this many milliseconds, the server is
   * asked over another connection whether it is still at work; if it is not, the connection is
   * half-open and is given up. A large statement is given as much longer as it takes at 32 KB/s.
   * Default 5 000.
   */
  readonly probeAfter?: number | undefined
  /**
   * Servers of which one is wanted, each as `host` or `host:port`. They count instead of the host and
   * port of the pool's own configuration, which says all the rest. Default: what that says.
   */
  readonly hosts?: readonly string[] | undefined
  /** Which of them will do, as libpq's `target_session_attrs`. Default `'any'`. */
  readonly target?: Target | undefined
  /** `'random'` tries them in another order each time, as libpq does. Default `'disable'`. */
  readonly loadBalanceHosts?: LoadBalance | undefined
  /** Where what happens to these sessions is written, one line for each incident. Default nowhere. */
  readonly log?: Log | undefined
  /**
   * What these sessions are called in events, in lines of the log, in metrics, and to
   * `counters(poolName)`: OpenTelemetry's `db.client.connection.pool.name`. Default: nothing.
   */
  readonly poolName?: string | undefined
  readonly backoff?: BackoffOptions | undefined
  readonly budget?: BudgetOptions | undefined
  readonly gate?: GateOptions | undefined
}

/** {@link RepriseOptions} with every default filled in. */
export interface Settings {
  readonly deadline: number
  readonly replay: 'verified' | 'off'
  readonly witness: 'xid' | { readonly token: string } | 'off'
  readonly exactlyOnce: boolean
  readonly maxTapeBytes: number
  readonly operatorAfter: number
  readonly probeAfter: number
  readonly failFast: boolean
  /** Undefined where the configuration says it. */
  readonly hosts: readonly string[] | undefined
  readonly target: Target | undefined
  readonly loadBalanceHosts: LoadBalance | undefined
  readonly log: Log | undefined
  readonly poolName: string | undefined
  readonly backoff: BackoffOptions
  readonly budget: BudgetOptions
  readonly gate: GateOptions
}

type Check = (value: unknown) => string | undefined

/** What a timer of Node's can wait for; beyond it, it does not wait at all. */
const longest = 2 ** 31 - 1
const milliseconds: Check = (value) =>
  typeof value === 'number' && value >= 0 && value <= longest
    ? undefined
    : `a number that is not negative, and at most ${longest}`
const amount: Check = (value) =>
  typeof value === 'number' && value >= 0 && !Number.isNaN(value)
    ? undefined
    : 'a number that is not negative'
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false')
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string) ? undefined : words.map((word) => `'${word}'`).join(' or ')
const group =
  (...names: string[]): Check =>
  (value) => {
    const wanted = `an object with some of ${names.join(', ')}, each a number above 0`
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return wanted
    const good = Object.entries(value).every(
      ([name, entry]) =>
        names.includes(name) && (entry === undefined || (amount(entry) === undefined && entry > 0)),
    )
    return good ? undefined : wanted
  }
const log: Check = (value) =>
  isLog(value) ? undefined : 'an object with info (or log), warn and error, such as console'
const poolName: Check = (value) =>
  typeof value === 'string' && /^\P{Cc}+$/u.test(value)
    ? undefined
    : "a name such as 'orders', not empty and without control characters"
const witness: Check = (value) => {
  if (value === 'xid' || value === 'off') return undefined
  const token = (value as { token?: unknown } | null)?.token
  return typeof token === 'string' && token.length > 0 && Object.keys(value as object).length === 1
    ? undefined
    : "'xid', 'off' or { token: 'schema.table' }"
}
const hosts: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((host) => readHost(host) !== undefined)
    ? undefined
    : "a list of hosts such as ['a.example:5432', 'b.example:5432'], at least one, each with a port from 1 to 65535 or none"

const checks: { readonly [N in keyof RepriseOptions]-?: Check } = {
  deadline: milliseconds,
  replay: oneOf('verified', 'off'),
  witness,
  exactlyOnce: flag,
  maxTapeBytes: amount,
  operatorAfter: amount,
  probeAfter: milliseconds,
  failFast: flag,
  hosts,
  target: oneOf(...targets),
  loadBalanceHosts: oneOf(...loadBalances),
  log,
  poolName,
  backoff: group('base', 'cap'),
  budget: group('capacity', 'deposit', 'perSecond'),
  gate: group('concurrency'),
}

/**
 * The first option of Reprise that is found among those of something else.
 * @param theirs names that the other has, too
 */
export function optionAmong(config: object, theirs: readonly string[] = []): string | undefined {
  return Object.keys(config).find((name) => Object.hasOwn(checks, name) && !theirs.includes(name))
}

/**
 * Checks options where they are given and fills in the defaults.
 * @throws TypeError with one sentence that names the option and what it takes
 */
export function settingsOf(options: RepriseOptions = {}): Settings {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError('Reprise options must be an object, such as { deadline: 30_000 }.')
  }
  if (isPoolOrClient(options)) {
    throw new TypeError(
      'Reprise options must be an object, such as { deadline: 30_000 }, and this is a pool or a client: write reprisePool(pool, options), or new pg.Pool({ …, ...reprise(options) }).',
    )
  }
  for (const [name, value] of Object.entries(options)) {
    const check = (checks as Record<string, Check | undefined>)[name]
    if (check === undefined) {
      const known = Object.keys(checks).join(', ')
      throw new TypeError(`Reprise has no option '${name}': use one of ${known}.`)
    }
    const wanted = value === undefined ? undefined : check(value)
    if (wanted !== undefined) throw new TypeError(`Reprise option '${name}' must be ${wanted}.`)
  }
  return {
    deadline: options.deadline ?? 30_000,
    replay: options.replay ?? 'verified',
    witness: options.witness ?? 'xid',
    exactlyOnce: options.exactlyOnce ?? false,
    maxTapeBytes: options.maxTapeBytes ?? 16 * 1024 * 1024,
    operatorAfter: options.operatorAfter ?? 10_000,
    probeAfter: options.probeAfter ?? 5000,
    failFast: options.failFast ?? false,
    hosts: options.hosts,
    target: options.target,
    loadBalanceHosts: options.loadBalanceHosts,
    log: options.log,
    poolName: options.poolName,
    backoff: options.backoff ?? {},
    budget: options.budget ?? {},
    gate: options.gate ?? {},
  }
}

/**
 * Refuses options that say which servers are wanted, where an ORM has pools of its own for replicas:
 * they would count for all of those pools.
 *
 * @param place where the ORM is told of its replicas
 * @throws TypeError with one sentence that says what to do
 */
export function refuseHosts(options: RepriseOptions | undefined, place: string): void {
  const name = (['hosts', 'target', 'loadBalanceHosts'] as const).find(
    (each) => options?.[each] !== undefined,
  )
  if (name === undefined) return
  throw new TypeError(
    `Reprise option '${name}' would count for every server of ${place} alike: leave it out, and name the hosts of each there, as host: 'a.example,b.example'.`,
  )
}
