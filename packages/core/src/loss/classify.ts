import type { Statement } from '../sql/statement.ts'
import { type Evidence, isGenuine, isRecoveryConflict } from './evidence.ts'
import type { Outcome } from './outcome.ts'
import { type Condition, conditionOf, endsConnection, sqlstateOf } from './sqlstate.ts'

/** The end of a connection, and what it proves of the exchange that was in flight. */
export interface Loss {
  readonly condition: Condition
  readonly sqlstate: string
  readonly outcome: Outcome
  /** Where the verdict comes from: a frame the server sent, or only the end of the socket. */
  readonly evidence: 'frame' | 'socket'
  /**
   * Whether the server itself said that the backend is ending. A backend that did not say so may
   * live on with its locks, and must be fenced before its work is done again.
   */
  readonly announced: boolean
  /**
   * Whether the server said that it has committed the work and gave up waiting for its replication
   * (syncrep.c SyncRepWaitForLSN): a failover may still lose it.
   */
  readonly committedLocally: boolean
  /**
   * Whether what it proves is only what became of the work on this server, whose commit may have begun:
   * where that writes on another one as well, the other commits first (postgres_fdw connection.c
   * pgfdw_xact_callback, at XACT_EVENT_PRE_COMMIT).
   */
  readonly hereOnly: boolean
  /** The row of {@link decisions} that decided. */
  readonly row: string
}

/** One row of the decision table. */
export interface Decision {
  readonly row: string
  readonly when: (evidence: Evidence) => boolean
  readonly outcome: Outcome
  /** Whether the commit may have begun all the same: {@link Loss.hereOnly}. */
  readonly begun?: (evidence: Evidence) => boolean
  /** Where PostgreSQL makes it so. */
  readonly source: string
}

/** Transaction control and procedures commit at Execute, and some effects need no commit. */
const mayCommitBeforeSync = ({ canCommit, commitsInside, outward }: Statement): boolean =>
  canCommit || commitsInside || outward

/** Whether a backend says that it gave up waiting for a standby: it has committed something. */
const gaveUp = ({ notice }: Evidence): boolean =>
  isGenuine(notice) && notice?.routine === 'SyncRepWaitForLSN'

/** Whoever gave up waiting has committed, whatever is said afterwards. */
const failed = (e: Evidence): boolean => isGenuine(e.error) && !gaveUp(e)

/**
 * Whether the error is one that ends a backend by order or by a limit: none of these is raised where a
 * commit is being made durable. What is raised there, of whatever other code, is a PANIC (elog.c
 * errstart), and the commit may be found when the server has recovered.
 */
const wasEnded = (e: Evidence): boolean =>
  failed(e) && (endsConnection(e.error?.code ?? '') || isRecoveryConflict(e.error, e.standby))

/**
 * What a loss proves, first matching row first. Whatever no row speaks of is in doubt.
 */
export const decisions: readonly Decision[] = [
  {
    row: 'never submitted',
    when: (e) => !e.submitted,
    outcome: 'not-sent',
    source: 'pg writes nothing of a query before its submit()',
  },
  {
    row: 'the end of the message never left',
    when: (e) => e.unsent && (e.simple || !mayCommitBeforeSync(e.statement)),
    outcome: 'rolled-back',
    source:
      'write(2): what fails has not taken the last byte; postgres.c SocketBackend: a message is read whole or not at all',
  },
  {
    row: 'an effect that no rollback undoes',
    when: (e) => e.statement.outward,
    outcome: 'in-doubt',
    source:
      'slotfuncs.c, signalfuncs.c, sequence.c do_setval and their kin act outside the transaction',
  },
  {
    row: 'Sync still held',
    when: (e) => e.syncHeld && (e.status !== 'I' || !e.statement.canCommit),
    outcome: 'rolled-back',
    source:
      'postgres.c PostgresMain: the implicit transaction is finished by Sync; at EOF without one it is aborted',
  },
  {
    row: 'COMMIT acknowledged',
    when: (e) => e.statement.commits && e.tag === 'COMMIT',
    outcome: 'committed',
    source: 'postgres.c exec_execute_message: CommandComplete follows CommitTransactionCommand',
  },
  {
    row: 'COMMIT answered by ROLLBACK',
    when: (e) => e.statement.commits && e.tag === 'ROLLBACK',
    outcome: 'rolled-back',
    source: 'xact.c EndTransactionBlock: a failed transaction can only be rolled back',
  },
  {
    row: 'ROLLBACK',
    when: (e) => e.statement.rollsBack,
    outcome: 'rolled-back',
    source: 'a transaction that was never told to commit ends with its connection',
  },
  {
    row: 'open transaction',
    when: (e) => e.status !== 'I' && !e.statement.commitsInside,
    outcome: 'rolled-back',
    source: 'xact.c AbortOutOfAnyTransaction, run by ShutdownPostgres when a backend exits',
  },
  {
    row: 'failed transaction',
    when: (e) => e.status === 'E' && e.statement.count === 1,
    outcome: 'rolled-back',
    source: 'xact.c EndTransactionBlock: TBLOCK_ABORT can only become TBLOCK_ABORT_END',
  },
  {
    row: 'nothing that outlives the session',
    when: (e) => e.status === 'I' && e.statement.passing,
    outcome: 'rolled-back',
    source:
      'settings, prepared statements, cursors and an opened transaction end with their backend',
  },
  {
    row: 'opened a transaction and ended none',
    when: ({ status, statement: { canCommit, members } }) =>
      status === 'I' && !canCommit && members.some(({ control }) => control === 'begin'),
    outcome: 'rolled-back',
    source:
      'xact.c BeginTransactionBlock: what stood before BEGIN in the same message is in its block as well',
  },
  {
    row: 'COMMIT failed',
    when: (e) => e.statement.commits && e.tags === 0 && wasEnded(e),
    outcome: 'rolled-back',
    begun: () => true,
    source:
      'xact.c CommitTransaction: interrupts are held from RecordTransactionCommit to the CommandComplete; elog.c errstart: any other error there is a PANIC, of which nobody knows what it leaves',
  },
  {
    row: 'autocommit statement failed',
    when: (e) =>
      e.status === 'I' &&
      e.statement.count === 1 &&
      !e.statement.canCommit &&
      e.tags === 0 &&
      (wasEnded(e) || (failed(e) && !e.simple)),
    outcome: 'rolled-back',
    begun: (e) => e.simple,
    source:
      'postgres.c: an error before CommandComplete aborts the implicit transaction; of a simple Query, which commits before it, one that is no PANIC',
  },
  {
    row: 'failed before its Sync was read',
    when: (e) =>
      e.status === 'I' &&
      e.statement.count === 1 &&
      !e.statement.canCommit &&
      e.witnessPending &&
      isGenuine(e.error),
    outcome: 'rolled-back',
    source:
      'postgres.c PostgresMain: messages are read in order, and the implicit transaction is finished by Sync',
  },
  {
    row: 'batch without transaction control failed',
    when: (e) =>
      e.status === 'I' &&
      e.statement.count > 1 &&
      !e.statement.canCommit &&
      wasEnded(e) &&
      e.tags < e.statement.count,
    outcome: 'rolled-back',
    begun: (e) => e.tags === e.statement.count - 1,
    source: 'postgres.c exec_simple_query: several statements share one implicit transaction',
  },
]

/** Whether that is all that the work had to commit. */
function committedLocally(evidence: Evidence): boolean {
  const { statement } = evidence
  return gaveUp(evidence) && statement.count === 1 && (statement.commits || !statement.canCommit)
}

/** Names the condition of a loss and its outcome, from the evidence alone. */
export function classify(evidence: Evidence): Loss {
  const decision = decisions.find((row) => row.when(evidence))
  const code = evidence.error?.code
  const ends = code !== undefined && endsConnection(code)
  const conflict = isRecoveryConflict(evidence.error, evidence.standby)
  const spoken = ends || conflict ? evidence.error : evidence.notice
  const condition = conditionOf(spoken?.code ?? '') ?? 'connection_failure'
  return {
    condition,
    sqlstate: sqlstateOf(condition),
    outcome: decision?.outcome ?? 'in-doubt',
    evidence: spoken === undefined ? 'socket' : 'frame',
    announced: spoken === evidence.error && isGenuine(spoken),
    committedLocally: committedLocally(evidence),
    hereOnly: decision?.begun?.(evidence) === true,
    row: decision?.row ?? 'no proof',
  }
}
