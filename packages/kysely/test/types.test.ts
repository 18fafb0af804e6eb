import { idempotent, reprise, rerunnable } from '@reprise/kysely'
import { Kysely, type Transaction } from 'kysely'
import pg from 'pg'
import { expectTypeOf, test } from 'vitest'

interface Schema {
  person: { id: number; name: string | null }
}

const pool = new pg.Pool()

test('Kysely<DB> infers what it always infers', () => {
  const db = new Kysely<Schema>(reprise({ pool }))
  expectTypeOf(db).toEqualTypeOf<Kysely<Schema>>()
  const query = db.selectFrom('person').select(['id', 'name'])
  expectTypeOf(query.execute).returns.resolves.toEqualTypeOf<
    { id: number; name: string | null }[]
  >()
  expectTypeOf(db.withPlugin(idempotent())).toEqualTypeOf<Kysely<Schema>>()
})

test('a rerunnable callback keeps its types', () => {
  const callback = rerunnable(async (trx: Transaction<Schema>) => {
    const row = await trx.selectFrom('person').select('id').executeTakeFirstOrThrow()
    return row.id
  })
  expectTypeOf(callback).toEqualTypeOf<(trx: Transaction<Schema>) => Promise<number>>()
  const db = new Kysely<Schema>(reprise({ pool }))
  const run = () => db.transaction().execute(callback)
  expectTypeOf(run).returns.resolves.toEqualTypeOf<number>()
})

test('a rerunnable callback is told its parameter by the place it is written in', () => {
  const db = new Kysely<Schema>(reprise({ pool }))
  const run = () =>
    db.transaction().execute(
      rerunnable(async (trx) => {
        expectTypeOf(trx).toEqualTypeOf<Transaction<Schema>>()
        return trx.selectFrom('person').select('name').execute()
      }),
    )
  expectTypeOf(run).returns.resolves.toEqualTypeOf<{ name: string | null }[]>()
})

test('a wrong configuration is an error of types', () => {
  const wrong = (): void => {
    // @ts-expect-error there is no such option
    reprise({ pool }, { deadlines: 1 })
    // @ts-expect-error the door makes its own dialect
    reprise({ pool, dialect: {} })
    // @ts-expect-error a pool is needed
    reprise({})
  }
  expectTypeOf(wrong).toBeFunction()
})
