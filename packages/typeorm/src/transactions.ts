import { Budget, isRerunnable, rerun, type Settings } from '@reprise/core'
import type { DataSource, EntityManager, QueryRunner } from 'typeorm'
import { giveBackUnbegun } from './begin.ts'
import {
  inOwnClass,
  tellTheWhole,
  tellTheWholeOfRunner,
  tellTheWholeOfSchemas,
  whole,
} from './parts.ts'
import { warn } from './report.ts'
import { fenceRollback } from './rollback.ts'

type Transaction = (isolationOrCallback: unknown, callback?: unknown) => Promise<unknown>

/**
 * Lets `transaction()` of a data source, of its manager and of the managers of its query runners run
 * a `rerunnable()` callback again when nothing of it was kept, and fences what a run leaves behind.
 */
export function rerunTransactions(dataSource: DataSource, settings: Settings): void {
  const budget = new Budget(settings.budget)
  const prepare = (manager: EntityManager): EntityManager => {
    const transaction = manager.transaction as Transaction
    const runAgain: Transaction = (first, second) => {
      const callback = typeof first === 'function' ? first : second
      const once = (): Promise<unknown> => transaction.call(manager, first, second)
      // Inside an open transaction this is but a savepoint of it, and a loss takes all of it.
      if (manager.queryRunner?.isTransactionActive) return once()
      if (!isRerunnable(callback)) return whole(once)
      let last: unknown
      const run = ({ attempt }: { readonly attempt: number }): Promise<unknown> => {
        if (attempt > 1) warn(dataSource, again(attempt, last))
        return once().catch(async (error: unknown) => {
          last = error
          await endTransaction(manager.queryRunner)
          throw error
        })
      }
      return inOwnClass(rerun(callback, run, settings, budget))
    }
    manager.transaction = runAgain as EntityManager['transaction']
    tellTheWhole(manager)
    return manager
  }
  prepare(dataSource.manager)
  tellTheWholeOfSchemas(dataSource)
  const create = dataSource.createEntityManager
  dataSource.createEntityManager = (queryRunner) => {
    if (queryRunner !== undefined) {
      giveBackUnbegun(queryRunner)
      fenceRollback(queryRunner)
      tellTheWholeOfRunner(queryRunner)
    }
    return prepare(create.call(dataSource, queryRunner))
  }
}

/**
 * A rollback to a savepoint of a transaction that is lost fails, and TypeORM then believes the
 * savepoint to be open for good. Only a runner of the application's own lives on to suffer from it.
 */
async function endTransaction(runner: QueryRunner | undefined): Promise<void> {
  if (runner === undefined || !runner.isTransactionActive || runner.isReleased) return
  await runner.query('ROLLBACK')
  Object.assign(runner, { isTransactionActive: false, transactionDepth: 0 })
}

function again(attempt: number, error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return `Reprise: a transaction is run again (run ${attempt}), after ${code ?? 'a loss'}`
}
