import { diagnose } from '@reprise/core'
import type { QueryRunner } from 'typeorm'

const asked = Symbol('asked')
const unbegun = Symbol('unbegun')

type Call = (...parameters: unknown[]) => Promise<unknown>

/** A query runner, with what TypeORM keeps to itself. */
interface Runner extends Pick<QueryRunner, 'release'> {
  query: Call
  startTransaction: Call
  rollbackTransaction: Call
  isReleased: boolean
  isTransactionActive: boolean
  transactionDepth: number
  databaseConnection: unknown
  databaseConnectionPromise: unknown
  /** Whether anything was asked on the client that it has. */
  [asked]?: boolean
  /** Whether its BEGIN was lost, and its client given back. */
  [unbegun]?: boolean
}

const changed = new WeakSet<object>()

/**
 * Has query runners of this one's class give back a client whose first work was a BEGIN that was lost.
 * TypeORM's guide begins before its `try`, so nobody else does; a client of pg's own gives itself up by
 * its `error`, and a session has none. Nothing was set on that client, so the runner may go on with
 * another one.
 */
export function giveBackUnbegun(runner: QueryRunner): void {
  const prototype = Object.getPrototypeOf(runner) as Runner
  if (changed.has(prototype)) return
  changed.add(prototype)
  const { query, startTransaction, rollbackTransaction } = prototype
  prototype.query = function (this: Runner, ...parameters) {
    this[asked] = true
    return query.apply(this, parameters)
  }
  prototype.startTransaction = async function (this: Runner, ...parameters) {
    const first = !this[asked]
    this[unbegun] = false
    try {
      return await startTransaction.apply(this, parameters)
    } catch (error) {
      if (first && diagnose(error) !== undefined) await giveBack(this)
      throw error
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
  Object.assign(runner, {
    isReleased: false,
    databaseConnection: undefined,
    databaseConnectionPromise: undefined,
    transactionDepth: 0,
    [asked]: false,
    [unbegun]: true,
  })
}
