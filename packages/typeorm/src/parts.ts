import { type InDoubtError, inParts } from '@reprise/core'
import {
  type DataSource,
  DeleteQueryBuilder,
  type EntityManager,
  InsertQueryBuilder,
  QueryFailedError,
  type QueryRunner,
  RelationQueryBuilder,
  UpdateQueryBuilder,
} from 'typeorm'
import { hasHooks } from './hooks.ts'
import { dataSourceOf } from './report.ts'

/** What saves or removes entities with all that hangs on them. */
const names = ['save', 'remove', 'softRemove', 'recover'] as const

/** Data sources whose builders and query runners tell the whole. */
const telling = new WeakSet<DataSource>()

/** Classes of query runners and builders that have been changed. */
const changed = new WeakSet<object>()

type Call = (...parameters: unknown[]) => Promise<unknown>

/**
 * Has those calls of a manager tell the outcome of all that they do: without a transaction
 * (`transaction: false`) of all their statements, and else of what the subscribers wrote elsewhere, too.
 */
export function tellTheWhole(manager: EntityManager): void {
  for (const name of names) {
    const call = manager[name] as Call
    const told: Call = (...parameters) => {
      const run = (): Promise<unknown> => Reflect.apply(call, manager, parameters)
      return manager.queryRunner?.isTransactionActive ? run() : whole(run)
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
  // TypeORM exports the classes of the other builders.
  tellTheWholeOfBuilder(Object.getPrototypeOf(dataSource.createQueryBuilder().softDelete()))
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
    if (changes.test(name)) tellTheWholeOf(prototype, name, outside)
  }
  tellTheWholeOf(prototype, 'query', (runner) => outside(runner) && hasHooks(dataSourceOf(runner)))
  // Subscribers are told before the COMMIT, and behind it.
  tellTheWholeOf(prototype, 'commitTransaction', (runner) => !outside(runner))
}

tellTheWholeOf(RelationQueryBuilder.prototype, 'addAndRemove', outside)

for (const { prototype } of [InsertQueryBuilder, UpdateQueryBuilder, DeleteQueryBuilder]) {
  tellTheWholeOfBuilder(prototype)
}

/** One statement, and what is called before and behind it. */
function tellTheWholeOfBuilder(prototype: object): void {
  if (changed.has(prototype)) return
  changed.add(prototype)
  tellTheWholeOf(prototype, 'execute', (builder) => {
    if (!outside(builder)) return false
    const { mainAlias: main } = (builder as OfBuilder).expressionMap
    return hasHooks(dataSourceOf(builder), main?.hasMetadata ? main.metadata : undefined)
  })
}

/** What of TypeORM's own is changed for all data sources does something for those alone that ask for it. */
interface OfSource {
  readonly dataSource: DataSource
  readonly queryRunner?: QueryRunner
  readonly isTransactionActive?: boolean
}

interface OfBuilder extends OfSource {
  readonly expressionMap: InsertQueryBuilder<object>['expressionMap']
}

/** Whether what is asked here is part of no transaction. */
function outside({ isTransactionActive, queryRunner }: OfSource): boolean {
  return !(isTransactionActive ?? queryRunner?.isTransactionActive)
}

function tellTheWholeOf(prototype: object, name: string, inParts: (on: OfSource) => boolean): void {
  const call = Object.getOwnPropertyDescriptor(prototype, name)?.value as Call | undefined
  if (typeof call !== 'function') return
  const told = function (this: OfSource, ...parameters: unknown[]): Promise<unknown> {
    const run = (): Promise<unknown> => Reflect.apply(call, this, parameters)
    return telling.has(dataSourceOf(this)) && inParts(this) ? whole(run) : run()
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

/** One call of TypeORM's, judged as a whole. */
export function whole<T>(run: () => Promise<T>): Promise<T> {
  return inOwnClass(inParts(run))
}

/** What is told of a call that commits in several places, in TypeORM's own class. */
export async function inOwnClass<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    const { reason } = error as Partial<InDoubtError>
    throw reason === 'in-parts' ? own(error as InDoubtError) : error
  }
}

/** As of every other loss. */
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
