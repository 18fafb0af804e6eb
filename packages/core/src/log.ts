import type { Events } from './events.ts'
import { type Condition, sqlstateOf } from './loss/sqlstate.ts'
import { clock } from './pace/clock.ts'

type Say = (line: string) => unknown

/**
 * Where incidents are written, one line each: console, a pino or winston logger and Nest's Logger are
 * such. What went well is `info`, or `log` where there is no `info`; waiting and advice are `warn`;
 * what reached a caller is `error`.
 */
export type Log = { readonly warn: Say; readonly error: Say } & (
  | { readonly info: Say }
  | { readonly log: Say }
)

/** Whether a value can be written to. */
export function isLog(value: unknown): value is Log {
  const { info, log, warn, error } = (value ?? {}) as Record<string, unknown>
  return [info ?? log, warn, error].every((say) => typeof say === 'function')
}

type Level = 'info' | 'warn' | 'error'
type Lines = { readonly [N in keyof Events]?: (event: Events[N]) => readonly [Level, string] }

const lines: Lines = {
  'reprise:recovery': (event) => ['info', `${head(event)}${mended(event)}`],
  'reprise:waiting': ({ host, port, cause, left }) => [
    'warn',
    `waiting for ${host}:${port}${cause === undefined ? '' : ` (${cause})`}, ${Math.round(left / 1000)} s left of the deadline`,
  ],
  'reprise:rerun': ({ condition, attempt }) => [
    'info',
    `transaction callback run again (${sqlstateOf(condition)}), run ${attempt}`,
  ],
  'reprise:surface': ({ outcome, code, advice, ...event }) => {
    const told = outcome === 'in-doubt' ? 'in doubt' : outcome
    return ['error', `${head(event)}, not mended: ${told} (${code}). ${advice}`]
  },
  'reprise:advice': ({ advice }) => ['warn', advice],
}

const words: { readonly [C in Condition]?: string } = {
  admin_shutdown: 'backend terminated',
  crash_shutdown: 'server crashed',
  cannot_connect_now: 'server not ready',
  database_dropped: 'database dropped',
  idle_session_timeout: 'session was idle for too long',
  idle_in_transaction_session_timeout: 'transaction was idle for too long',
  transaction_timeout: 'transaction took too long',
  read_only_sql_transaction: 'server takes no writes any more',
  sqlclient_unable_to_establish_sqlconnection: 'no connection',
  too_many_connections: 'server full',
}

interface Found {
  readonly condition: Condition
  readonly host: string
  readonly port: number
}

function head({ condition, host, port }: Found): string {
  return `${words[condition] ?? 'connection lost'} (${sqlstateOf(condition)}) on ${host}:${port}`
}

function mended({ by, statements, duration }: Events['reprise:recovery']): string {
  const time = `${Math.round(duration)} ms`
  switch (by) {
    case 'replay':
      return `, transaction of ${statements} statement${statements === 1 ? '' : 's'} replayed in ${time}`
    case 'repeat':
      return `, statement executed again in ${time}`
    case 'reconnect':
      return ` while idle, reconnected in ${time}`
    case 'answer':
      return `, outcome found out in ${time}`
  }
}

/** While many sessions of a pool wait for one server, a line is written this seldom, in milliseconds. */
const between = 5000

/** When a log was last told that somebody waits, by server and pool. */
const waiting = new WeakMap<Log, Map<string, number>>()

function isKnown(log: Log, { host, port, poolName }: Events['reprise:waiting']): boolean {
  const told = waiting.get(log) ?? new Map<string, number>()
  waiting.set(log, told)
  const server = `${host}:${port} ${poolName}`
  const now = clock.now()
  if (now - (told.get(server) ?? -between) < between) return true
  told.set(server, now)
  return false
}

/** Writes the line of an incident, if the event is one. Whatever the log does is no concern of a session's. */
export function write<N extends keyof Events>(log: Log, name: N, event: Events[N]): void {
  const told = lines[name]?.(event)
  if (told === undefined) return
  // What was not mended has its line by what its caller is told.
  if (name === 'reprise:recovery' && (event as Events['reprise:recovery']).surfaced) return
  if (name === 'reprise:waiting' && isKnown(log, event as Events['reprise:waiting'])) return
  const [level, line] = told
  const { poolName } = event
  try {
    const said: unknown = sayOf(log, level).call(
      log,
      `reprise${poolName === undefined ? '' : ` (${poolName})`}: ${line}`,
    )
    if (said instanceof Promise) said.catch(complain)
  } catch (error) {
    complain(error)
  }
}

function sayOf(log: Log, level: Level): Say {
  if (level !== 'info') return log[level]
  return 'info' in log ? log.info : log.log
}

function complain(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}
