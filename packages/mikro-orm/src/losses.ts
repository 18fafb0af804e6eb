import { diagnose } from '@reprise/core'

/** The part of a connection of MikroORM's through which all its statements go. */
interface Executing {
  execute(...parameters: unknown[]): Promise<unknown>
}

/** Where `execute()` is told of the transaction. */
const place = 3

/** By transaction, the loss that a statement in it met. */
const losses = new WeakMap<object, unknown>()

/**
 * Has a connection take note of the transactions that are lost: whoever catches the error of a query and
 * rolls back learns no more of it, and yet what was flushed there before is gone.
 */
export function noteLosses(connection: object): void {
  const noting = connection as Executing
  const { execute } = noting
  noting.execute = async (...parameters) => {
    try {
      return await execute.apply(connection, parameters)
    } catch (error) {
      const transaction = parameters[place]
      if (typeof transaction === 'object' || typeof transaction === 'function') {
        if (transaction !== null && diagnose(error) !== undefined) losses.set(transaction, error)
      }
      throw error
    }
  }
}

/** The loss that ended a transaction, if one did. */
export function lossIn(transaction: object | undefined): unknown {
  return transaction && losses.get(transaction)
}
