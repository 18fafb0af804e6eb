import { reprise } from '@reprise/kysely'
import { CompiledQuery } from 'kysely'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { OwnDatabase } from '../../../test/kit/index.ts'
import { createDatabase } from '../../../test/kit/own-database.ts'

// Kysely 0.27 and 0.28.0 keep a handle usable after its COMMIT failed, and send a ROLLBACK.
test('after a COMMIT that failed, nothing reaches the server until the transaction is ended', async () => {
  const database = new OwnDatabase(await createDatabase(inject('serverUrl')))
  await database.sql(
    'create table once (id int unique deferrable initially deferred); insert into once values (1)',
  )
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  const { driver } = reprise({ pool })
  await driver.init()
  const connection = await driver.acquireConnection()
  const insert = (id: number) =>
    connection.executeQuery(CompiledQuery.raw(`insert into once values (${id})`))

  await driver.beginTransaction(connection, {})
  await insert(1)
  await expect(driver.commitTransaction(connection)).rejects.toMatchObject({ code: '23505' })
  await expect(insert(2)).rejects.toMatchObject({ code: '25P02' })
  await driver.rollbackTransaction(connection)
  await insert(3)

  await driver.releaseConnection(connection)
  await driver.destroy()
  expect(await database.sql('select id from once order by id')).toEqual([{ id: 1 }, { id: 3 }])
  await database.close()
})
