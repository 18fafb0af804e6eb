import { noChanges, type StateChange } from './state.ts'

/** What a statement is for. `several` and `empty` are said of whole texts only. */
export type Kind =
  | 'empty'
  | 'read'
  | 'write'
  | 'definition'
  | 'transaction'
  | 'procedure'
  | 'state'
  | 'cursor'
  | 'copy'
  | 'several'
  | 'other'

/** SAVEPOINT, RELEASE and ROLLBACK TO, with the savepoint's name. */
export interface Savepoint {
  readonly act: 'set' | 'release' | 'back'
  readonly name: string
}

/** What is known of one statement; the words are those of Statement. */
export interface Judgement {
  readonly verb: string
  readonly kind: Kind
  /** What it does to the transaction it runs in. */
  readonly control: 'begin' | 'commit' | 'rollback' | 'prepare' | ''
  readonly chains: boolean
  /** What it does to a savepoint. */
  readonly savepoint: Savepoint | undefined
  readonly canCommit: boolean
  readonly reads: boolean
  readonly carriesWitness: boolean
  readonly notifies: boolean
  readonly functions: readonly string[]
  readonly outlasts: boolean
  readonly orderFree: boolean
  readonly state: readonly StateChange[]
}

/** A statement of which nothing is to be said. */
export const nothing: Omit<Judgement, 'verb' | 'kind'> = {
  control: '',
  chains: false,
  savepoint: undefined,
  canCommit: false,
  reads: false,
  carriesWitness: false,
  notifies: false,
  functions: [],
  outlasts: false,
  orderFree: false,
  state: noChanges,
}

/** A statement that may do anything. */
export function unknown(word: string): Judgement {
  const verb = /^[\p{Lu}_]/u.test(word) ? word : ''
  return { ...nothing, verb, kind: 'other', canCommit: true }
}
