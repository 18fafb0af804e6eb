import net from 'node:net'
import { type RepriseOptions, reprise, reprisePool } from '@reprise/pg'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../../test/kit/free-port.ts'
import { Proxy as Between, Server, until } from '../../../test/kit/index.ts'
import { failure } from './support.ts'

const options: RepriseOptions = { deadline: 500, backoff: { base: 1, cap: 20 } }

/** Pools that count the clients which they make: each waits for its server for one deadline. */
const made: [string, (config: pg.PoolConfig) => { pool: pg.Pool; clients: () => number }][] = [
  [
    'made of its options',
    (config) => {
      let count = 0
      const { Client, ...rest } = reprise(options)
      class Counted extends Client {
        constructor(given?: string | pg.ClientConfig) {
          super(given)
          count++
        }
      }
      return {
        pool: new pg.Pool({ ...config, ...rest, Client: Counted as never }),
        clients: () => count,
      }
    },
  ],
  [
    'given to reprisePool()',
    (config) => {
      const pool = reprisePool(new pg.Pool(config), options) as pg.Pool & { Client: unknown }
      let count = 0
      const { Client } = pool as unknown as { Client: new (given: unknown) => object }
      pool.Client = new Proxy(Client, {
        construct: (target, given) => {
          count++
          return new target(given[0])
        },
      })
      return { pool, clients: () => count }
    },
  ],
]

const asks: [string, (pool: pg.Pool) => Promise<unknown>][] = [
  ['connect()', (pool) => pool.connect()],
  ['query()', (pool) => pool.query('SELECT 1')],
]

describe.each(made)('a caller in the queue of a pool %s', (_made, make) => {
  describe.each(asks)('who waits by %s', (_how, ask) => {
    it('waits for a server that is not there as long as those who do not wait in the queue', async () => {
      const port = await freePort()
      const { pool, clients } = make({ host: '127.0.0.1', port, user: 'a', database: 'a', max: 2 })
      const errors = await Promise.all(Array.from({ length: 20 }, () => failure(ask(pool))))
      for (const error of errors) {
        expect(error).toMatchObject({
          code: 'ECONNREFUSED',
          outcome: 'not-sent',
          reason: 'deadline',
        })
      }
      // Those of the first two, and of whoever came to his turn when they had just given up.
      expect(clients()).toBeLessThanOrEqual(4)
      expect(pool.waitingCount).toBe(0)
      await pool.end()
    })

    it('waits no longer for one that says nothing', async () => {
      const silent = net.createServer(() => undefined)
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
      const { port } = silent.address() as net.AddressInfo
      const { pool, clients } = make({ host: '127.0.0.1', port, user: 'a', database: 'a', max: 2 })
      const errors = await Promise.all(Array.from({ length: 20 }, () => failure(ask(pool))))
      for (const error of errors) expect(error).toMatchObject({ outcome: 'not-sent' })
      expect(clients()).toBeLessThanOrEqual(4)
      await pool.end()
      silent.close()
    })

    it('waits no longer for one that went away, and has it when it is there again', async () => {
      await using server = await Server.start()
      const { pool, clients } = make({ connectionString: server.url, max: 2 })
      const holders = [await pool.connect(), await pool.connect()]
      await server.stop('fast')
      const held = holders.map((holder) => failure(holder.query('SELECT 1')))
      const waiting = Array.from({ length: 20 }, () => failure(ask(pool)))
      for (const error of await Promise.all([...held, ...waiting])) {
        expect(error).toMatchObject({ reason: 'deadline' })
      }
      expect(clients()).toBe(2)
      await server.start()
      for (const holder of holders) holder.release()
      expect((await pool.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
      await pool.end()
    })

    it('waits for as long as it takes where others are at work', async () => {
      await using server = await Server.start()
      const { pool } = make({ connectionString: server.url, max: 1 })
      const holder = await pool.connect()
      const other = new pg.Client({ connectionString: server.url })
      await other.connect()
      const asked = ask(pool)
      // Longer than the deadline.
      await holder.query('SELECT pg_sleep(0.8)')
      await until(() => pool.waitingCount === 1, { what: 'him to wait' })
      holder.release()
      const got = await asked
      if (_how === 'connect()') (got as pg.PoolClient).release()
      await other.end()
      await pool.end()
    })

    it('waits on for a server that was there meanwhile, when it is sought anew just then', async () => {
      await using server = await Server.start()
      await using between = await Between.start(server)
      const { pool } = make({ connectionString: between.url(server.url), max: 1, maxUses: 1 })
      const from = performance.now()
      between.onFrame(async ({ connection, type }) => {
        // The next one's connection is being made while he has waited for as long as the deadline.
        const isOver = (): boolean => performance.now() - from > 650
        if (connection === 2 && type === 'startup') await until(isOver, { what: 'the deadline' })
      })
      const first = pool.query('SELECT pg_sleep(0.4)')
      const next = pool.query('SELECT 1')
      const asked = ask(pool)
      await Promise.all([first, next])
      const got = await asked
      if (_how === 'connect()') (got as pg.PoolClient).release()
      await pool.end()
    })
  })
})
