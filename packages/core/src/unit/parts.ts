import { diagnose } from '../loss/diagnose.ts'
import { InDoubtError } from '../loss/errors.ts'
import { inUnit, newUnit, type Unit } from './unit.ts'

/**
 * Runs one call of an ORM's that may commit in several places: by statements without a transaction, by
 * several transactions, or by code of the application's that runs within it and writes elsewhere. A loss
 * says what became of one of them; whoever made the call asks what became of all of it, and repeats all of
 * it where nothing is said to be kept. So a loss that leaves a part of the call behind, or of which nobody
 * can say whether more was to come, is in doubt.
 *
 * @param call the call, through the ORM's own API
 * @param whole whether all that the call itself has to do is done when one part of it is committed
 * @throws what the call threw, or for such a loss an InDoubtError with `reason` `in-parts`, which has
 *   what the call threw in its `cause`
 */
export async function inParts<T>(call: () => PromiseLike<T>, whole = false): Promise<T> {
  const unit = newUnit(1, false, true, !whole)
  try {
    return await inUnit(unit, call)
  } catch (error) {
    throw ofTheWhole(error, unit, whole)
  }
}

/**
 * What an error says of a call that commits in several places, when it ends with the loss of one of them.
 *
 * @param kept how many parts of the call were committed, or may have been
 * @param whole whether all that the call itself has to do is done when one part of it is committed
 */
export function ofTheWhole(error: unknown, { kept }: Pick<Unit, 'kept'>, whole: boolean): unknown {
  const diagnosis = diagnose(error)
  if (diagnosis === undefined || diagnosis.outcome === 'in-doubt') return error
  if (diagnosis.outcome === 'committed' ? whole && kept <= 1 : kept === 0) return error
  return new InDoubtError({
    condition: diagnosis.condition,
    reason: 'in-parts',
    attempts: diagnosis.attempts,
    detail: 'a part of this call had been committed by itself',
    cause: error,
  })
}
