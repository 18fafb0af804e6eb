import { publish, type RepriseError } from '@reprise/core'
import type { Recoverable } from './preparation.ts'

/** Says that a loss reaches the caller. */
export function tellSurfaced(
  { link, settings }: Pick<Recoverable, 'link' | 'settings'>,
  { condition, outcome, code, attempts, advice }: RepriseError,
): void {
  const told = { ...link.from, condition, outcome, code, attempts, advice }
  publish('reprise:surface', told, settings.log)
}
