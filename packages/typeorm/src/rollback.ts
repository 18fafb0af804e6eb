import { FailedTransactionError } from '@reprise/core'
import { QueryFailedError, type QueryRunner } from 'typeorm'

/**
 * Has a query runner refuse what is asked of it while its ROLLBACK is under way. A callback that has
 * failed may have left work behind (`Promise.all` does not wait for it), and its statements would be
 * executed behind the ROLLBACK: outside the transaction, and kept, while the callback is run again.
 */
export function fenceRollback(runner: QueryRunner): void {
  const { rollbackTransaction } = runner
  runner.rollbackTransaction = async () => {
    const { query } = runner
    const own = Object.hasOwn(runner, 'query')
    let rollingBack = false
    const fenced = async (text: string, ...rest: unknown[]): Promise<unknown> => {
      if (rollingBack) {
        const [parameters] = rest as [unknown[] | undefined]
        throw new QueryFailedError(text, parameters, new FailedTransactionError())
      }
      rollingBack = text === 'ROLLBACK'
      try {
        return await Reflect.apply(query, runner, [text, ...rest])
      } finally {
        if (text === 'ROLLBACK') rollingBack = false
      }
    }
    runner.query = fenced as QueryRunner['query']
    try {
      await rollbackTransaction.call(runner)
    } finally {
      if (own) runner.query = query
      else Reflect.deleteProperty(runner, 'query')
    }
  }
}
