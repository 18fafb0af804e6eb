import { fingerprint, type Statement } from '@reprise/core'

/** What is known of the statements of one form: whether they change their session out of sight. */
export interface Habit {
  /** How often one ran. */
  ran: number
  /** Whether one was seen to change something: it is asked after behind each execution. */
  changes: boolean
  /** Whether one was seen to change nothing. */
  harmless: boolean
}

/** How many forms make a generation; two are kept. */
const generation = 1000

/** Executions that are asked after for as long as nothing is certain. */
const tries = 16

/** The habits of statements by their form, shared by the sessions of one kit. */
export class Habits {
  readonly #near = new WeakMap<Statement, Habit>()
  #young = new Map<string, Habit>()
  #old = new Map<string, Habit>()

  /** The habit of statements like this one. */
  of(statement: Statement, text: string): Habit {
    let habit = this.#near.get(statement)
    if (habit === undefined) {
      habit = this.#byForm(fingerprint(text))
      this.#near.set(statement, habit)
    }
    return habit
  }

  #byForm(form: string): Habit {
    const known = this.#young.get(form)
    if (known !== undefined) return known
    const habit = this.#old.get(form) ?? { ran: 0, changes: false, harmless: false }
    if (this.#young.size >= generation) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(form, habit)
    return habit
  }
}

/**
 * Counts an execution, and says whether it is to be asked after: always, if such a statement ever
 * changed something; else the first times, and ever more seldom, since it may depend on its values.
 */
export function isToBeAsked(habit: Habit): boolean {
  habit.ran += 1
  const { ran, changes, harmless } = habit
  return changes || (!harmless && ran <= tries) || (ran & (ran - 1)) === 0
}
