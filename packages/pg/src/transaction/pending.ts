import type { Savepoint, Statement, TransactionStatus } from '@reprise/core'
import type { Raw } from '../connection/wire.ts'
import { type Change, survivesRollback } from './change.ts'
import type { SessionState } from './state.ts'

/** What was answered to a message: its frames, not its words. */
export interface Answered {
  readonly statement: Statement
  /** All CommandComplete tags, in order. */
  readonly tags: readonly string[]
  /** The transaction status that it met, and the one that it left. */
  readonly before: TransactionStatus
  readonly after: TransactionStatus
  readonly failed: boolean
  readonly values: readonly unknown[] | undefined
  /** The first row of its answer, where it was kept. */
  readonly row: readonly Raw[] | undefined
}

/** What transactions end with: their tags. */
const endings: ReadonlySet<string> = new Set(['COMMIT', 'ROLLBACK', 'PREPARE TRANSACTION'])
const beginnings: ReadonlySet<string> = new Set(['BEGIN', 'START TRANSACTION'])

/** The tags of an exchange that has its answer. */
export function tagsOf(tag: string | undefined): string[] {
  return tag === undefined ? [] : tag.split(';')
}

/**
 * Whether a message opened a transaction that can be executed again from its beginning: BEGIN came
 * first, and nothing in the same message ended anything.
 */
export function opensTape({ tags, before }: Answered): boolean {
  return before === 'I' && beginnings.has(tags[0] ?? '') && !tags.some((tag) => endings.has(tag))
}

/**
 * Whether a transaction ended with a message, whatever was begun behind it. PostgreSQL tags ROLLBACK
 * TO as it does ROLLBACK (utility.c CreateCommandTag), so that one is known by being alone.
 */
export function endsTransaction({ statement, tags }: Answered): boolean {
  const [one] = statement.members
  if (tags.length === 1 && statement.count === 1 && one?.savepoint?.act === 'back') return false
  return tags.some((tag) => endings.has(tag))
}

/** Whether a message, by its words, neither changes anything in the session nor sets or ends a savepoint. */
export function leavesNothing({ state, members }: Statement): boolean {
  return state.length === 0 && members.length <= 1 && members[0]?.savepoint === undefined
}

interface Mark {
  readonly savepoint: string
}

/** What statements have changed in the session, until it is known whether the changes stay. */
export class Pending {
  #entries: (Change | Mark)[] = []

  /** Whether there is nothing to keep or to lose. */
  get empty(): boolean {
    return this.#entries.length === 0
  }

  /**
   * Follows a message by its tags. Each belongs to the statement at its place; those behind the last
   * tag did not happen. What the end of a transaction decides goes into the state of the session.
   */
  follow(answered: Answered, state: SessionState): void {
    const { statement, tags, after, failed, values, row } = answered
    const { members } = statement
    if (this.empty && tags.length <= members.length && leavesNothing(statement)) return
    if (tags.length > members.length || statement.ambiguous) {
      if (tags.some((tag) => changesState.test(tag)) || statement.state.length > 0) {
        state.forget('a setting made by a text that can be read in two ways')
      }
    }
    tags.forEach((tag, i) => {
      const member = members[i]
      if (tag === 'COMMIT' || tag === 'PREPARE TRANSACTION') this.commit(state)
      else if (tag === 'ROLLBACK' && member?.savepoint?.act !== 'back') this.rollBack(state)
      else if (member?.savepoint !== undefined) this.#move(member.savepoint, state)
      for (const change of member?.state ?? []) {
        this.#entries.push({ change, values, row: members.length === 1 ? row : undefined })
      }
    })
    if (after !== 'I') return
    // Statements of one message without a transaction around them live and die together.
    if (failed) this.rollBack(state)
    else this.commit(state)
  }

  /** All of it stays. */
  commit(state: SessionState): void {
    for (const entry of this.#entries) if ('change' in entry) state.apply(entry)
    this.#entries = []
  }

  /** Only what PostgreSQL itself does not undo stays. */
  rollBack(state: SessionState): void {
    for (const change of survivors(this.#entries)) state.apply(change)
    this.#entries = []
  }

  #move({ act, name }: Savepoint, state: SessionState): void {
    if (act === 'set') {
      this.#entries.push({ savepoint: name })
      return
    }
    const at = this.#entries.findLastIndex(
      (entry) => 'savepoint' in entry && entry.savepoint === name,
    )
    if (at < 0) {
      // The server knows a savepoint that nobody saw: what came behind it cannot be told.
      if (!this.empty) state.forget('a setting made behind an unknown savepoint')
      return
    }
    const since = this.#entries.splice(act === 'release' ? at : at + 1)
    const stay = act === 'release' ? since.filter((entry) => 'change' in entry) : survivors(since)
    this.#entries.push(...stay)
  }
}

/**
 * What outlives a rollback. A statement was prepared under settings that do not: it has to be prepared
 * again under the same.
 */
function survivors(entries: readonly (Change | Mark)[]): Change[] {
  const under: Change[] = []
  const stay: Change[] = []
  for (const entry of entries) {
    if (!('change' in entry)) continue
    if (!survivesRollback(entry)) under.push(entry)
    else stay.push({ ...entry, under: [...under, ...(entry.under ?? [])] })
  }
  return stay
}

/** The tags of statements that may change the session. */
const changesState =
  /^(SET|RESET|PREPARE|DEALLOCATE|DISCARD|LISTEN|UNLISTEN|LOAD|DECLARE|CREATE|DO|CALL)/
