import { afterAll, beforeAll, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { kill, poolOn } from './support.ts'

let server: Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

it.each([
  ['in autocommit', []],
  ['in a transaction', ['BEGIN']],
] as const)(
  'a Submittable whose statement cannot be read is in doubt when its connection ends %s',
  async (_where, before) => {
    const pool = poolOn(server.url)
    const client = await pool.connect()
    for (const text of before) await client.query(text)
    let told: unknown
    client.query({
      submit: (wire: unknown) =>
        (wire as { query(text: string): void }).query('SELECT pg_sleep(60)'),
      handleRowDescription: () => undefined,
      handleError: (error: unknown) => {
        told = error
      },
    } as never)
    await until(
      async () =>
        (await server.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length >
        0,
    )
    await kill(server, client)
    await until(() => told !== undefined)
    expect(told).toMatchObject({ outcome: 'in-doubt' })
    client.release(true)
    await pool.end()
  },
)
