import pg from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { reprise, reprisePool } from '../src/index.ts'
import { createDatabase, kill } from './compare.ts'
import { failure } from './support.ts'

let url: string
beforeAll(async () => {
  url = await createDatabase()
})

const made: [string, (config: pg.PoolConfig) => pg.Pool][] = [
  ['made of its options', (config) => new pg.Pool({ ...config, ...reprise() })],
  ['given to reprisePool()', (config) => reprisePool(new pg.Pool(config))],
]

const asks: [string, (pool: pg.Pool) => Promise<unknown>][] = [
  ['connect()', (pool) => pool.connect()],
  [
    'connect(callback)',
    (pool) =>
      new Promise((resolve, reject) => {
        pool.connect((error, client) => (error ? reject(error) : resolve(client)))
      }),
  ],
  ['query()', (pool) => pool.query('SELECT 1')],
]

const limits: [string, pg.PoolConfig][] = [
  ['for ever', {}],
  ['for a minute', { connectionTimeoutMillis: 60_000 }],
]

describe.each(made)('when a pool is ended that was %s', (_, make) => {
  describe.each(asks)('whoever waits by %s', (_, ask) => {
    it.each(limits)('(%s) is told, and those who hold a client go on', async (_, limit) => {
      const pool = make({ connectionString: url, max: 1, ...limit })
      const holder = await pool.connect()
      const waiting = [ask(pool), ask(pool)].map(failure)
      const ended = pool.end()
      for (const error of await Promise.all(waiting)) {
        expect(error).toMatchObject({ outcome: 'not-sent', reason: 'closed' })
      }
      expect(pool.waitingCount).toBe(0)
      await kill(holder)
      expect((await holder.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
      holder.release()
      await ended
      expect((await failure(pool.end())).message).toBe('Called end on pool more than once')
      expect((await failure(ask(pool))).message).toBe(
        'Cannot use a pool after calling end on the pool',
      )
    })
  })

  it('whoever has waited for too long before is told of that alone', async () => {
    const pool = make({ connectionString: url, max: 1, connectionTimeoutMillis: 1000 })
    const holder = await pool.connect()
    let told = 0
    const timedOut = new Promise<Error>((resolve) => {
      pool.connect((error) => {
        told += 1
        resolve(error as Error)
      })
    })
    expect((await timedOut).message).toMatch('timeout exceeded')
    const ended = pool.end()
    holder.release()
    await ended
    expect(told).toBe(1)
  })
})
