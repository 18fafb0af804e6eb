import { type InDoubtError, inParts } from '@reprise/core'
import {
  type DataSource,
  type EntityManager,
  QueryFailedError,
  type QueryRunner,
  RelationQueryBuilder,
} from 'typeorm'
import { dataSourceOf } from './report.ts'

/** What saves or removes entities with all that hangs on them. */
const names = ['save', 'remove', 'softRemove', 'recover'] as const

/** Data sources whose builders and query runners tell the whole. */
const telling = new WeakSet<DataSource>()

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
  telling.add(dataSource)
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

/** Classes of query runners that have been changed. */
const changed = new WeakSet<object>()

/** What a query runner changes a schema by; what only makes texts is no part of it. */
const changes = /^(create|drop|add|rename|change|update|clear)(?!.*Sql$)/

/**
 * The same for what a query runner does to a schema: most of it is more than one statement. TypeORM's
 * class for it cannot be imported, so a runner has to show it.
 */
export function tellTheWholeOfRunner(runner: QueryRunner): void {
  const prototype = Object.getPrototypeOf(runner) as object
  if (changed.has(prototype)) return
  changed.add(prototype)
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (changes.test(name)) tellTheWholeOf(prototype, name)
  }
}

tellTheWholeOf(RelationQueryBuilder.prototype, 'addAndRemove')

/** What of TypeORM's own is changed for all data sources does something for those alone that ask for it. */
interface OfSource {
  readonly dataSource: DataSource
  readonly queryRunner?: QueryRunner
  readonly isTransactionActive?: boolean
}

function tellTheWholeOf(prototype: object, name: string): void {
  const call = Object.getOwnPropertyDescriptor(prototype, name)?.value as Call | undefined
  if (typeof call !== 'function') return
  const told = function (this: OfSource, ...parameters: unknown[]): Promise<unknown> {
    const run = (): Promise<unknown> => Reflect.apply(call, this, parameters)
    const open = this.isTransactionActive ?? this.queryRunner?.isTransactionActive
    return open || !telling.has(dataSourceOf(this)) ? run() : whole(run)
  }
  Object.defineProperty(prototype, name, { value: told, configurable: true, writable: true })
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
