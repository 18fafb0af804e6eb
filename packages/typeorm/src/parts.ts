import { type InDoubtError, inParts } from '@reprise/core'
import { type DataSource, type EntityManager, QueryFailedError } from 'typeorm'

/** What saves or removes entities with all that hangs on them. */
const names = ['save', 'remove', 'softRemove', 'recover'] as const

type Call = (...parameters: unknown[]) => Promise<unknown>

/**
 * Has those calls of a manager that were asked to do without a transaction (`transaction: false`) tell
 * the outcome of all their statements.
 */
export function tellTheWhole(manager: EntityManager): void {
  for (const name of names) {
    const call = manager[name] as Call
    const told: Call = (...parameters) => {
      const run = (): Promise<unknown> => Reflect.apply(call, manager, parameters)
      const inTransaction = manager.queryRunner?.isTransactionActive
      return !inTransaction && parameters.slice(1).some(declines) ? whole(run) : run()
    }
    Object.assign(manager, { [name]: told })
  }
}

/**
 * The same for a schema that is dropped and made again, in a transaction each, and for migrations where
 * one of them does without.
 */
export function tellTheWholeOfSchemas(dataSource: DataSource): void {
  for (const name of ['runMigrations', 'undoLastMigration', 'synchronize'] as const) {
    const call = dataSource[name] as Call
    const told: Call = (...parameters) => {
      const run = (): Promise<unknown> => Reflect.apply(call, dataSource, parameters)
      const several = name === 'synchronize' || parts(dataSource, parameters[0])
      return several ? whole(run) : run()
    }
    Object.assign(dataSource, { [name]: told })
  }
}

function parts({ options, migrations }: DataSource, given: unknown): boolean {
  const { transaction = options.migrationsTransactionMode } = (given ?? {}) as {
    transaction?: unknown
  }
  return transaction === 'none' || migrations.some(declines)
}

function declines(given: unknown): boolean {
  return (given as { transaction?: unknown } | null | undefined)?.transaction === false
}

async function whole<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await inParts(run)
  } catch (error) {
    const { reason } = error as Partial<InDoubtError>
    throw reason === 'in-parts' ? own(error as InDoubtError) : error
  }
}

/** TypeORM's own class, as of every other loss. */
function own(error: InDoubtError): Error {
  const { cause } = error
  const { query, parameters } = cause as Partial<QueryFailedError>
  if (query === undefined) return error
  const failed = new QueryFailedError(query, parameters, error)
  return Object.defineProperty(failed, 'cause', {
    value: error,
    configurable: true,
    writable: true,
  })
}
