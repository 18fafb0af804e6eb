import { DataSource, QueryFailedError } from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { reprise, rerunnable } from '../src/index.ts'
import { Database } from './database.ts'

let database: Database
let source: DataSource

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
  await database.sql('create table straggler (id int, run int)')
  source = await new DataSource(reprise({ type: 'postgres', url: database.url })).initialize()
})
afterAll(async () => {
  await source.destroy()
  await database.close()
})

test('what a failed run left behind is never executed behind its ROLLBACK, whenever it comes', async () => {
  for (let turns = 0; turns < 60; turns += 3) {
    const left: Promise<unknown>[] = []
    let run = 0
    await source.transaction(
      rerunnable(async (manager) => {
        run += 1
        const mine = run
        const failing =
          run === 1
            ? manager.query(`do $$ begin raise 'conflict' using errcode = '40001'; end $$`)
            : manager.query('select 1')
        const straggler = async (): Promise<void> => {
          await failing.catch(() => undefined)
          for (let turn = 0; turn < turns; turn++) await undefined
          await manager.query('insert into straggler values ($1, $2)', [turns, mine])
        }
        left.push(straggler().catch((error) => error))
        await failing
        await left.at(-1)
      }),
    )
    const [first, second] = await Promise.all(left)
    expect(second).toBeUndefined()
    expect(first).toBeInstanceOf(Error)
    if (first instanceof QueryFailedError) expect(first).toMatchObject({ code: '25P02' })
    expect(await database.sql('select run from straggler where id = $1', [turns])).toEqual([
      { run: 2 },
    ])
  }
})
