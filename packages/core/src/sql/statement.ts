import { anchored } from './anchored.ts'
import type { Judgement, Kind, Savepoint } from './judgement.ts'
import { isOutward, isRefusable } from './outward.ts'
import { noChanges, type StateChange } from './state.ts'

export type { Kind, Savepoint } from './judgement.ts'
export type { StateChange } from './state.ts'

/**
 * What the text of a query tells before it is sent. Where the text leaves two readings open, each
 * field takes the one that promises less.
 */
export interface Statement {
  /** How many statements the text holds; empty ones do not count. */
  readonly count: number
  /** The first keyword of the first statement, in upper case; '' if there is none. */
  readonly verb: string
  /** What it is for. */
  readonly kind: Kind
  /** Some statement of it is COMMIT, END, ROLLBACK, ABORT (without TO) or PREPARE TRANSACTION. */
  readonly endsTransaction: boolean
  /** It is one COMMIT or END. */
  readonly commits: boolean
  /** It is one ROLLBACK or ABORT, and not to a savepoint. */
  readonly rollsBack: boolean
  /** It is one end of a transaction that begins the next: AND CHAIN. */
  readonly chains: boolean
  /** It is one BEGIN or START TRANSACTION. */
  readonly begins: boolean
  /**
   * Sent as one message in autocommit, a part of it can be committed before its end, or apart from
   * the implicit transaction at its end.
   */
  readonly canCommit: boolean
  /** Sent inside a transaction block, something of it can be committed by the time it ends. */
  readonly commitsInside: boolean
  /**
   * Every statement only reads, as far as its text goes: running it again harms nobody unless one of
   * its functions writes.
   */
  readonly reads: boolean
  /**
   * It executes no query, and nothing that it does outlives the session: in autocommit it begins or
   * ends a transaction, or sets something.
   */
  readonly passing: boolean
  /**
   * It is one read that may be executed again in a READ ONLY transaction although it may have been
   * executed before: it names no function whose effect the server would not refuse there.
   */
  readonly guardable: boolean
  /** It names a function whose effect no rollback undoes. */
  readonly outward: boolean
  /**
   * The functions it calls by name that are not known to be harmless: without their schema, folded
   * to lower case unless quoted, each once.
   */
  readonly functions: readonly string[]
  /**
   * Whether one of them may leave what outlasts the session: any but PostgreSQL's own settings and session
   * advisory locks.
   */
  readonly outlasts: boolean
  /**
   * It is one query, and nothing in its text gives an order to the rows that it answers: two runs may
   * bring the same rows in another one.
   */
  readonly orderFree: boolean
  /**
   * It is one transactional statement that may write, and another statement can be pipelined behind
   * it in the extended protocol.
   */
  readonly carriesWitness: boolean
  /**
   * It notifies, by NOTIFY or pg_notify. PostgreSQL assigns such a transaction its xid only while it
   * commits (src/backend/commands/async.c: PreCommit_Notify), so having none before proves nothing.
   */
  readonly notifies: boolean
  /**
   * Something in it is not closed, or a server with standard_conforming_strings off would end a
   * string elsewhere. It can then commit anywhere, and reads and carries nothing.
   */
  readonly ambiguous: boolean
  /**
   * Its author said, by the comment `/* reprise:idempotent *\/`, that in autocommit it may be executed
   * again even when it may have been executed already.
   */
  readonly idempotent: boolean
  /** What it leaves behind in the session, in order. */
  readonly state: readonly StateChange[]
  /**
   * It makes or undoes what a new session cannot be given, or makes a setting out of sight: how it went
   * only the server knows.
   */
  readonly anchors: boolean
  /** Its statements one by one, each with what the books need once its tag has come. */
  readonly members: readonly Member[]
}

/** One statement of a text. */
export interface Member {
  readonly kind: Kind
  /** What it does to the transaction it runs in. */
  readonly control: Judgement['control']
  readonly canCommit: boolean
  readonly savepoint: Savepoint | undefined
  readonly chains: boolean
  readonly state: readonly StateChange[]
}

const empty: Judgement = {
  verb: '',
  kind: 'empty',
  control: '',
  chains: false,
  savepoint: undefined,
  canCommit: false,
  reads: true,
  carriesWitness: false,
  notifies: false,
  functions: [],
  outlasts: false,
  orderFree: false,
  state: noChanges,
}

/** What the statements of a text come to together. */
export function statementOf(
  members: readonly Judgement[],
  ambiguous: boolean,
  idempotent: boolean,
): Statement {
  const first = members[0] ?? empty
  const { control } = first
  const one = members.length <= 1
  const all = one ? first : together(members)
  return {
    count: members.length,
    verb: first.verb,
    kind: all.kind,
    endsTransaction: members.some(ends),
    commits: one && control === 'commit',
    rollsBack: one && control === 'rollback',
    chains: one && first.chains,
    begins: one && control === 'begin',
    canCommit: all.canCommit || ambiguous,
    commitsInside: members.some((member, i) => commitsAt(member, i, members.length)) || ambiguous,
    reads: all.reads && !ambiguous,
    passing: members.every(passes) && !ambiguous,
    guardable:
      one && all.kind === 'read' && all.reads && all.functions.every(isRefusable) && !ambiguous,
    outward: all.functions.some(isOutward),
    functions: all.functions,
    outlasts: all.outlasts,
    orderFree: all.orderFree && !ambiguous,
    carriesWitness: all.carriesWitness && !ambiguous,
    notifies: all.notifies,
    ambiguous,
    idempotent: idempotent && !ambiguous,
    state: all.state,
    anchors: anchored(all),
    members,
  }
}
/** COMMIT and ROLLBACK end nothing where there is nothing to end, but may in the midst of others. */
function passes(
  { kind, control, functions, canCommit }: Judgement,
  _at: number,
  all: readonly Judgement[],
): boolean {
  if (functions.length > 0 || canCommit) return false
  if (control !== '') return all.length === 1 && control !== 'prepare'
  return kind === 'state' || kind === 'transaction'
}

/** Several statements in one message are one implicit transaction, unless one of them ends it. */
function together(members: readonly Judgement[]): Judgement {
  return {
    ...empty,
    kind: 'several',
    canCommit: members.some((member) => member.canCommit || ends(member)),
    reads: members.every((member) => member.reads),
    notifies: members.some((member) => member.notifies),
    functions: [...new Set(members.flatMap((member) => member.functions))],
    outlasts: members.some((member) => member.outlasts),
    state: members.flatMap((member) => member.state),
  }
}

function ends(member: Judgement): boolean {
  return member.control !== '' && member.control !== 'begin'
}

/** Behind a ROLLBACK a new implicit transaction begins, which commits at the end of the message. */
function commitsAt(member: Judgement, i: number, count: number): boolean {
  if (member.control === 'rollback') return i < count - 1
  return ends(member)
}
