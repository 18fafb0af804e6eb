import { fingerprint, type Statement } from '@reprise/core'

/** What is known of the statements of one form: whether they change their session out of sight. */
export interface FormHistory {
  /** How often one ran. */
  ran: number
  /** Whether one was seen to change something: it is asked after behind each execution. */
  changes: boolean
  /** Whether one was seen to change nothing. */
  harmless: boolean
}

/** The history of what was never seen. */
export function newHistory(): FormHistory {
  return { ran: 0, changes: false, harmless: false }
}

/** How many forms make a generation; two are kept. */
const generation = 1000

/** Executions that are asked after for as long as nothing is certain. */
const tries = 16

/** The histories of statements by their form, shared by sessions. */
export class FormHistories {
  readonly #near = new WeakMap<Statement, FormHistory>()
  #young = new Map<string, FormHistory>()
  #old = new Map<string, FormHistory>()

  /** The history of statements like this one. */
  of(statement: Statement, text: string): FormHistory {
    let history = this.#near.get(statement)
    if (history === undefined) {
      history = this.#byForm(fingerprint(text))
      this.#near.set(statement, history)
    }
    return history
  }

  #byForm(form: string): FormHistory {
    const known = this.#young.get(form)
    if (known !== undefined) return known
    const history = this.#old.get(form) ?? newHistory()
    if (this.#young.size >= generation) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(form, history)
    return history
  }
}

/**
 * Counts an execution, and says whether it is to be asked after: always, if such a statement ever
 * changed something; else the first times, and ever more seldom, since it may depend on its values.
 */
export function isToBeAsked(history: FormHistory): boolean {
  history.ran += 1
  const { ran, changes, harmless } = history
  return changes || (!harmless && ran <= tries) || (ran & (ran - 1)) === 0
}
