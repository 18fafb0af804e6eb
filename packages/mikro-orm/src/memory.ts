import { DriverException, type EntityManager, type Platform } from '@mikro-orm/core'
import { diagnose, type Outcome } from '@reprise/core'

const clearIt =
  'its entities may not be what is in the database: call em.clear(), or use a new fork'

/**
 * Which entity managers may hold memory that is not true any more. A flush that ends in a loss has
 * cleared what it had to do, set ids and raised versions, so the next flush would find nothing to do and
 * say that all is well.
 */
export class Memory {
  readonly #untrue: WeakMap<EntityManager, Error> = new WeakMap()
  readonly #advised: WeakSet<Error> = new WeakSet()

  /** Takes note that an entity manager starts with the memory of another. */
  inherit(em: EntityManager, from: EntityManager): void {
    const loss = this.#untrue.get(from)
    if (loss !== undefined) this.#untrue.set(em, loss)
  }

  /** The entity manager was cleared. */
  cleared(em: EntityManager): void {
    this.#untrue.delete(em)
  }

  /** @throws an error that says what to do, when the memory may be untrue */
  check(em: EntityManager): void {
    const loss = this.#untrue.get(em)
    if (loss !== undefined) throw refusal(loss)
  }

  /**
   * The error to throw for one that came out of an entity manager's work: MikroORM's own class, with the
   * advice to clear, when it was a loss.
   *
   * @param kept what to say before the advice when the memory of `em` is concerned; undefined when not
   */
  lost(em: EntityManager, error: unknown, kept: string | undefined): unknown {
    const diagnosis = diagnose(error)
    if (diagnosis === undefined) return error
    const own = ownError(em.getPlatform(), error)
    if (kept === undefined) return own
    if (!this.#untrue.has(em)) this.#untrue.set(em, own)
    if (!this.#advised.has(own)) {
      this.#advised.add(own)
      Object.assign(own, { advice: `${diagnosis.advice} ${kept}: ${clearIt}.` })
    }
    return own
  }
}

/** MikroORM's own class, as of every other loss. */
export function ownError(platform: Pick<Platform, 'getExceptionConverter'>, error: unknown): Error {
  return error instanceof DriverException || diagnose(error) === undefined
    ? (error as Error)
    : platform.getExceptionConverter().convertException(error as Error)
}

function refusal(loss: Error): Error {
  const outcome = diagnose(loss)?.outcome as Outcome
  const error = new DriverException(
    new Error(`a loss ended the work of this EntityManager (${outcome}), and ${clearIt}`),
  )
  return Object.assign(error, {
    outcome,
    advice: 'Call em.clear(), or use a new fork, then do the work again from its start.',
    cause: loss,
  })
}
