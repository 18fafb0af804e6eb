import { reprise } from '@reprise/pg'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../../test/kit/free-port.ts'
import { bound, type Frame, outcomeOf, Proxy, Server, until } from '../../../test/kit/index.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

/**
 * What nobody asks about who executes it, since the question would take a snapshot, or cost a round trip;
 * and the tag at which its connection falls silent.
 */
const beginnings: [tag: string, texts: string[]][] = [
  ['BEGIN', ['BEGIN']],
  ['BEGIN', ['BEGIN READ ONLY']],
  [
    'LOCK TABLE',
    ['SET default_transaction_isolation = serializable', 'BEGIN', 'LOCK TABLE t IN EXCLUSIVE MODE'],
  ],
  ['UPDATE 1', ['BEGIN', 'SET LOCAL work_mem = 9999; UPDATE t SET n = n + 1']],
]

/** A session whose server sees where it comes from, through a proxy, or does not. */
async function lost(
  [tag, texts]: (typeof beginnings)[number],
  transparent: boolean,
): Promise<{ told: unknown; left: unknown[] }> {
  const direct = await server.createDatabase()
  const admin = new pg.Client({ connectionString: direct })
  await admin.connect()
  await admin.query('CREATE TABLE t AS SELECT 0 AS n')
  const proxy = await Proxy.start(server, { transparent })
  const ports = await Promise.all(Array.from({ length: 6 }, () => freePort()))
  const pool = new pg.Pool({
    connectionString: proxy.url(direct),
    max: 1,
    stream: () => bound(ports.pop() as number),
    ...reprise({ probeAfter: 100, deadline: 3000, backoff: { base: 1, cap: 20 } }),
  } as pg.PoolConfig)
  const client = await pool.connect()
  let at = 0
  let frozen = false
  proxy.onFrame((frame: Frame) => {
    if (frozen || at < texts.length || frame.from !== 'server') return 'pass'
    if (frame.type !== 'C' || frame.text !== tag) return 'pass'
    frozen = true
    return 'freeze'
  })
  let told: unknown
  for (const text of texts) {
    at += 1
    told = await client.query(text).then(
      () => 'done',
      (error: unknown) => outcomeOf(error),
    )
  }
  expect(frozen).toBe(true)
  await client.query('ROLLBACK').catch(() => undefined)
  const others = async (): Promise<unknown[]> => {
    const { rows } = await admin.query(
      `SELECT state FROM pg_stat_activity WHERE datname = current_database()
       AND pid <> pg_backend_pid() AND state LIKE 'idle in%'`,
    )
    return rows
  }
  const left = await others()
  client.release(true)
  await pool.end()
  await proxy.close()
  await until(async () => (await others()).length === 0, { what: 'all to be over' })
  await admin.end()
  return { told, left }
}

describe('a backend that was lost before anybody asked who it is', () => {
  it.each(beginnings)(
    'is ended by its number and our port, where that is seen: %s %j',
    async (...what) => {
      expect(await lost(what, true)).toEqual({ told: 'done', left: [] })
    },
  )
  it('is left alone where it may be another, which has its number', async () => {
    const { left } = await lost(['BEGIN', ['BEGIN']], false)
    expect(left).toEqual([{ state: 'idle in transaction' }])
  })
})
