import type { StateChange } from '@reprise/core'
import type { Raw } from '../connection/wire.ts'
import { isTrue, nameOf, toSet, undoing } from './setting.ts'

/** A change of the session's state, with what came and went with the statement that made it. */
export interface Change {
  readonly change: StateChange
  readonly values: readonly unknown[] | undefined
  /** The row that it answered. */
  readonly row: readonly Raw[] | undefined
  /** What was set when it was made, and is not any more: it was rolled back. */
  readonly under?: readonly Change[]
}

/** What was made in a transaction and outlives its rollback: nothing of it is transactional. */
export function survivesRollback({ change }: Change): boolean {
  return /^(prepare:|advisory|load:|seed:)/.test(change.key)
}

/** The key of what is changed. What came as a parameter is not in the text's: the number of a lock. */
export function named(key: string, values: Change['values']): string {
  return key.startsWith('advisory:') && values !== undefined && values.length > 0
    ? `${key}\0${values.map((value) => String(value)).join('\0')}`
    : key
}

const mark = 'SAVEPOINT reprise'

/** Makes something under settings that are gone again behind it, and that it outlives. */
export function within(under: readonly Change[], text: string): string {
  const settings = under.flatMap(({ change, values, row }) => {
    const { key, effect, setting } = change
    if (effect === 'drop') return [undoing(key)]
    if (key === 'set:*') return ['RESET ALL']
    if (effect !== 'keep') return []
    if (setting === undefined) return [change.text]
    const value = row?.[setting.column]
    const name = setting.name === undefined ? nameOf(key) : String(values?.[setting.name] ?? '')
    const local = setting.local !== undefined && isTrue(values?.[setting.local])
    return value === undefined || local ? [] : [toSet(name, value === null ? null : String(value))]
  })
  return [mark, ...settings, text, 'ROLLBACK TO reprise', 'RELEASE reprise'].join(';\n')
}

/** Whether a text comes from {@link within}: its savepoint needs a transaction around it. */
export function isWithin(text: string): boolean {
  return text.startsWith(mark)
}
