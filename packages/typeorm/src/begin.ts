import { diagnose } from '@reprise/core'
import type { DataSource, QueryRunner } from 'typeorm'
import { dataSourceOf } from './report.ts'

const asked = Symbol('asked')
const beginning = Symbol('beginning')
const handedOut = Symbol('handedOut')
const unbegun = Symbol('unbegun')

type Call = (...parameters: unknown[]) => Promise<unknown>

/** A query runner, with what TypeORM keeps to itself. */
interface Runner extends Pick<QueryRunner, 'release'> {
  readonly dataSource: DataSource
  query: Call
  connect: Call
  startTransaction: Call
  rollbackTransaction: Call
  isReleased: boolean
  isTransactionActive: boolean
  transactionDepth: number
  databaseConnection: unknown
  databaseConnectionPromise: unknown
  /** Whether anything was asked on the client that it has. */
  [asked]?: boolean
  /** Whether it begins a transaction. */
  [beginning]?: boolean
  /** Whether the application has that client in its hands, and may have set something on it. */
  [handedOut]?: boolean
  /** Whether its BEGIN was lost, and its client given back. */
  [unbegun]?: boolean
}

/** Data sources whose runners do so: their class is that of all others as well. */
const own = new WeakSet<DataSource>()

const changed = new WeakSet<object>()

/**
 * Has query runners of this one's class give back a client whose first work was a BEGIN that was lost.
 * TypeORM's guide begins before its `try`, so nobody else does; a client of pg's own gives itself up by
 * its `error`, and a session has none. Where nothing can have been set on that client the runner may go on
 * with another one; else it is released for good, as by a client of pg's own.
 */
export function giveBackUnbegun(runner: QueryRunner): void {
  own.add(dataSourceOf(runner))
  const prototype = Object.getPrototypeOf(runner) as Runner
  if (changed.has(prototype)) return
  changed.add(prototype)
  const { connect, query, startTransaction, rollbackTransaction } = prototype
  prototype.connect = function (this: Runner, ...parameters) {
    if (!this[beginning]) this[handedOut] = true
    return connect.apply(this, parameters)
  }
  prototype.query = function (this: Runner, ...parameters) {
    this[asked] = true
    return query.apply(this, parameters)
  }
  prototype.startTransaction = async function (this: Runner, ...parameters) {
    const first = !this[asked]
    this[unbegun] = false
    this[beginning] = true
    try {
      return await startTransaction.apply(this, parameters)
    } catch (error) {
      const lost = first && own.has(dataSourceOf(this)) && diagnose(error) !== undefined
      if (lost) await giveBack(this)
      throw error
    } finally {
      this[beginning] = false
    }
  }
  prototype.rollbackTransaction = async function (this: Runner, ...parameters) {
    if (!this[unbegun]) return rollbackTransaction.apply(this, parameters)
    this[unbegun] = false
    this.isTransactionActive = false
  }
}

async function giveBack(runner: Runner): Promise<void> {
  if (runner.isReleased) return
  await runner.release()
  runner[unbegun] = true
  if (runner[handedOut]) return
  Object.assign(runner, {
    isReleased: false,
    databaseConnection: undefined,
    databaseConnectionPromise: undefined,
    transactionDepth: 0,
    [asked]: false,
  })
}
