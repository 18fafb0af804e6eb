import { diagnose } from '../loss/diagnose.ts'
import { InDoubtError } from '../loss/errors.ts'
import { inUnit, newUnit } from './unit.ts'

/**
 * Runs one call of an ORM's that may send several statements without a transaction, each of which
 * commits by itself. The loss of one of them says what became of that statement; whoever made the call
 * asks what became of all of it, and repeats all of it where nothing is said to be kept. So a loss that
 * leaves a part of the call behind, or of which nobody can say whether more was to come, is in doubt.
 *
 * @param call the call, through the ORM's own API; what it does in transactions counts when committed
 * @throws what the call threw, or for such a loss an InDoubtError with `reason` `in-parts`, which has
 *   what the call threw in its `cause`
 */
export async function inParts<T>(call: () => PromiseLike<T>): Promise<T> {
  const unit = newUnit(1, false, true)
  try {
    return await inUnit(unit, call)
  } catch (error) {
    throw ofTheWhole(error, unit.kept)
  }
}

/**
 * What an error says of a call whose statements commit one by one, when it ends with the loss of one of
 * them.
 *
 * @param kept whether anything of the call was committed, or may have been
 */
export function ofTheWhole(error: unknown, kept: boolean): unknown {
  const diagnosis = diagnose(error)
  if (diagnosis === undefined || diagnosis.outcome === 'in-doubt') return error
  if (diagnosis.outcome !== 'committed' && !kept) return error
  return new InDoubtError({
    condition: diagnosis.condition,
    reason: 'in-parts',
    attempts: diagnosis.attempts,
    detail: 'a part of this call had been committed by itself',
    cause: error,
  })
}
