import { Budget, currentUnit, rerunnable, rerun as rerunUnit, settingsOf } from '@reprise/core'

type Callback<Tx, T> = (transaction: Tx) => Promise<T>

/** What runs a callback in a transaction: a Knex, a Drizzle, a Sequelize, a model of Objection. */
export interface Transacting {
  transaction(callback: never): unknown
}

/** What the `transaction()` of such a thing passes to its callback, whichever overload takes one. */
export type TransactionOf<D extends Transacting> = D['transaction'] extends {
  (...parameters: infer A): unknown
  (...parameters: infer B): unknown
  (...parameters: infer C): unknown
  (...parameters: infer E): unknown
}
  ? Passed<(A | B | C | E)[number]>
  : never

/** Objection takes a Knex in the same place, which is a function as well. */
type Passed<P> = P extends Transacting
  ? never
  : P extends (transaction: infer Tx, ...more: never) => unknown
    ? Tx
    : never

const settings = settingsOf()
const budget = new Budget(settings.budget)

const unseen =
  'rerun() saw no transaction begin on a session: make the database run on one, with reprise() in its pool, and let its transaction() begin it.'

/**
 * Runs a transaction callback, and again from its start when nothing of it was kept: when it diverged,
 * when it could not be replayed, or when PostgreSQL refused it with 40001 or 40P01. By this its author
 * declares that all it does outside its transaction may happen more than once.
 *
 *     await rerun(db, async (trx) => { … })
 *
 * Never again once a transaction in it was committed, or may have been; not inside another one that is
 * run again; for 30 s at most. For options of the transaction, or another method, pass a function:
 *
 *     await rerun((run) => db.transaction(run, { isolationLevel: 'serializable' }), async (trx) => { … })
 *
 * @param db its `transaction(callback)` commits, or rolls back where the callback rejects
 * @returns what the callback returned
 * @throws what the last run threw; TypeError, before the callback is called, when the transaction did not
 *   begin on a session: nobody could say then whether it was committed
 */
export function rerun<D extends Transacting, T>(
  db: D,
  callback: Callback<TransactionOf<D>, T>,
): Promise<T>
export function rerun<Tx, T>(
  transaction: (run: Callback<Tx, T>) => PromiseLike<T>,
  callback: Callback<Tx, T>,
): Promise<T>
export function rerun<T>(db: unknown, callback: Callback<never, T>): Promise<T> {
  const begin = beginner<T>(db)
  const declared = rerunnable(callback)
  // Not async: Knex tells by what is returned at once whether the callback ends its transaction itself.
  const seen: Callback<never, T> = (...parameters) => {
    if (!currentUnit()?.begun) throw new TypeError(unseen)
    return declared(...parameters)
  }
  return rerunUnit(declared, async () => await begin(seen), settings, budget)
}

type Begin<T> = (run: Callback<never, T>) => PromiseLike<T>

function beginner<T>(db: unknown): Begin<T> {
  // Knex, and a model of Objection, are functions themselves.
  const { transaction } = (db ?? {}) as { transaction?: unknown }
  if (typeof transaction === 'function') return (transaction as Begin<T>).bind(db)
  if (typeof db === 'function') return db as Begin<T>
  throw new TypeError(
    'rerun() takes what has a transaction(callback), or a function that runs one: rerun(db, async (trx) => { … }).',
  )
}
