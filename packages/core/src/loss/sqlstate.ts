/**
 * PostgreSQL's own names for the SQLSTATEs Reprise speaks of (src/backend/utils/errcodes.txt).
 * Codes are stable; messages and severities are translated by the server and prove nothing.
 */
export type Condition =
  | 'admin_shutdown'
  | 'cannot_connect_now'
  | 'connection_does_not_exist'
  | 'connection_exception'
  | 'connection_failure'
  | 'crash_shutdown'
  | 'database_dropped'
  | 'deadlock_detected'
  | 'idle_in_transaction_session_timeout'
  | 'idle_session_timeout'
  | 'protocol_violation'
  | 'query_canceled'
  | 'read_only_sql_transaction'
  | 'serialization_failure'
  | 'sqlclient_unable_to_establish_sqlconnection'
  | 'sqlserver_rejected_establishment_of_sqlconnection'
  | 'too_many_connections'
  | 'transaction_resolution_unknown'
  | 'transaction_rollback'
  | 'transaction_timeout'

const CODES: Readonly<Record<Condition, string>> = {
  connection_exception: '08000',
  sqlclient_unable_to_establish_sqlconnection: '08001',
  connection_does_not_exist: '08003',
  sqlserver_rejected_establishment_of_sqlconnection: '08004',
  connection_failure: '08006',
  transaction_resolution_unknown: '08007',
  protocol_violation: '08P01',
  read_only_sql_transaction: '25006',
  idle_in_transaction_session_timeout: '25P03',
  transaction_timeout: '25P04',
  transaction_rollback: '40000',
  serialization_failure: '40001',
  deadlock_detected: '40P01',
  too_many_connections: '53300',
  query_canceled: '57014',
  admin_shutdown: '57P01',
  crash_shutdown: '57P02',
  cannot_connect_now: '57P03',
  database_dropped: '57P04',
  idle_session_timeout: '57P05',
}

/** Every {@link Condition}. */
export const conditions = Object.keys(CODES) as readonly Condition[]

const CONDITIONS: ReadonlyMap<string, Condition> = new Map(
  conditions.map((condition) => [CODES[condition], condition]),
)

const ENDINGS: ReadonlySet<string> = new Set(['57P01', '57P02', '57P04', '57P05', '25P03', '25P04'])
const PASSING: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '53300'])
const PASSING_SOCKET_ERRORS: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  // The file of a unix socket is missing while the server is down; it returns with the server.
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
])

/** The condition a SQLSTATE names, or undefined where it is none that Reprise speaks of. */
export function conditionOf(sqlstate: string): Condition | undefined {
  return CONDITIONS.get(sqlstate)
}

/** The SQLSTATE of a condition: the inverse of {@link conditionOf}. */
export function sqlstateOf(condition: Condition): string {
  return CODES[condition]
}

/**
 * Whether a code says that the connection is over. It only *says* so: `RAISE … USING ERRCODE`, a
 * terminated parallel worker (57P01, ERROR) and a lost dblink remote (08006, ERROR) carry the same
 * codes over a connection that lives on. The caller has to see the connection end as well.
 */
export function endsConnection(sqlstate: string): boolean {
  return ENDINGS.has(sqlstate) || isConnectionException(sqlstate)
}

/**
 * Whether a refusal at connect time passes by waiting: the server is starting, stopping or full.
 * 08P01 is not counted: from PostgreSQL it is a permanent misunderstanding. PgBouncer says it of
 * everything, so a caller that recognises a pooler (no `file`, no `routine`) may wait for it too.
 */
export function isPassing(sqlstate: string): boolean {
  return PASSING.has(sqlstate) || (isConnectionException(sqlstate) && sqlstate !== '08P01')
}

/**
 * Whether a code says that a server has run short of something (class 53): memory, disk, connections. A
 * server that was there before may have it again in a moment.
 */
export function isShortage(sqlstate: string): boolean {
  return sqlstate.length === 5 && sqlstate.startsWith('53')
}

/**
 * Whether a Node.js socket error passes by waiting. ENOTFOUND does not: a name that does not
 * resolve is a typing error far more often than an outage (an outage of DNS is EAI_AGAIN).
 */
export function isPassingSocketError(code: string): boolean {
  return PASSING_SOCKET_ERRORS.has(code)
}

function isConnectionException(sqlstate: string): boolean {
  return sqlstate.length === 5 && sqlstate.startsWith('08')
}
