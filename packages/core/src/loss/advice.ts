import type { Outcome } from './outcome.ts'
import type { Condition } from './sqlstate.ts'

/** Why a loss was not mended. */
export type Reason =
  | 'in-doubt'
  | 'not-held'
  | 'unresolved'
  | 'elsewhere'
  | 'in-parts'
  | 'result-unknown'
  | 'left-open'
  | 'diverged'
  | 'not-replayable'
  | 'irreversible'
  | 'replay-off'
  | 'streamed'
  | 'anchored'
  | 'operator'
  | 'repeated'
  | 'conflict'
  | 'limit'
  | 'dropped'
  | 'deadline'
  | 'down'
  | 'budget'
  | 'timeout'
  | 'closed'
  | 'aborted'
  | 'unopened'
  | 'refused'

const byReason: { readonly [R in Reason]?: string } = {
  'in-doubt':
    'Look up whether the work is there before doing it again; exactlyOnce: true removes this doubt.',
  'not-held':
    'Look up whether the work is there before doing it again; a statement of this kind cannot be held until its outcome is sure.',
  unresolved:
    'The server was asked and could not say, after a crash or a failover: look up whether the work is there before doing it again. A token witness survives both.',
  elsewhere:
    'What was written here is rolled back, but what goes to other servers (a foreign table, a dblink) may be committed there: look that up before doing it again.',
  'in-parts':
    'Look up which part of this call is there before doing the rest: it commits in more than one place.',
  'result-unknown':
    'The work is committed but its answer was lost: read it back, do not repeat it.',
  'left-open':
    'Something on the way to the server opened a transaction around this and did not end it, so nothing is kept: take it out, or change how it works (of pgpool-II: backend_clustering_mode = streaming_replication, not raw).',
  diverged:
    'Run the transaction again from its start, or declare its callback rerunnable(); nothing of it was kept.',
  'not-replayable':
    'Run the transaction again from its start; nothing of it was kept. A smaller one, or a larger maxTapeBytes, would have been mended.',
  irreversible:
    'The transaction did something that no rollback undoes (it set a sequence, took a session lock, reached outside), so it was not executed again: see what became of that, then run it again from its start.',
  'replay-off': 'Run the transaction again from its start; nothing of it was kept.',
  streamed: 'Start the cursor, stream or COPY again from its beginning; these are never replayed.',
  anchored:
    'The session held something that cannot be made again on a new connection, so it does nothing more for its holder: release or end it, set another one up, then repeat the work.',
  operator:
    'Somebody ended this statement after it had run for long, so it is not run again; to stop one query, prefer pg_cancel_backend.',
  repeated: 'This work lost its connection every time: look for what ends it before trying again.',
  conflict:
    'The standby cancelled this for its recovery every time: raise its max_standby_streaming_delay, set hot_standby_feedback, or ask the primary.',
  limit:
    'A timeout that somebody set on the server ended this session; keep transactions short, or raise the timeout.',
  dropped: 'The database was dropped.',
  deadline: 'The server did not come back within the deadline; the work may be tried again later.',
  down: 'The server is down, and the caller asked not to wait for it.',
  budget: 'Too much is being lost at once, so the retry budget is used up; try again later.',
  timeout: 'The client-side query timeout ended the wait; the connection was given up.',
  closed: 'The client was closed while this was under way.',
  aborted: 'The caller no longer wanted this, so it was not done again.',
  unopened:
    'It waited behind the beginning of a transaction that was lost: run the transaction again from its start.',
  refused: 'The server refused the connection for a reason that waiting does not mend.',
}

const byCondition: { readonly [C in Condition]?: string } = {
  admin_shutdown:
    'Somebody terminated the backend or stopped the server; to stop one query, prefer pg_cancel_backend.',
  crash_shutdown: "Another backend crashed and took the server's sessions with it: see its log.",
  idle_in_transaction_session_timeout:
    'The transaction sat idle for too long (25P03, not 57P01): keep user time and remote calls out of it.',
  idle_session_timeout: 'idle_session_timeout closed an idle session; nothing was lost.',
  transaction_timeout: 'The transaction ran into transaction_timeout: make it shorter.',
  too_many_connections: 'The server is full: lower the pool size, or raise max_connections.',
  cannot_connect_now: 'The server is starting, stopping or recovering: try again shortly.',
}

const byOutcome: { readonly [O in Outcome]: string } = {
  'not-sent': 'Nothing was sent: it can be done again.',
  'rolled-back': 'Nothing was kept: it can be done again.',
  committed: 'The work is done: do not repeat it.',
  'in-doubt': 'Look up whether the work is there before doing it again.',
}

/** Reasons whose own sentence says of a doubt what to do about it. */
const doubts: ReadonlySet<Reason> = new Set(['in-doubt', 'not-held', 'unresolved', 'in-parts'])

/**
 * One sentence of advice for a loss that reached the caller. Where the work is in doubt, another one comes
 * first: why it was not mended is no reason to do it again.
 */
export function adviceFor(
  outcome: Outcome,
  condition: Condition | undefined,
  reason?: Reason,
): string {
  const because = reason === undefined ? undefined : byReason[reason]
  if (reason !== undefined && because !== undefined) {
    return outcome === 'in-doubt' && !doubts.has(reason)
      ? `${byOutcome[outcome]} ${because}`
      : because
  }
  if (outcome === 'in-doubt' || outcome === 'committed') return byOutcome[outcome]
  return (condition === undefined ? undefined : byCondition[condition]) ?? byOutcome[outcome]
}
