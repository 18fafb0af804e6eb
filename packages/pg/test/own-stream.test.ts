import { Socket } from 'node:net'
import pg from 'pg'
import { beforeAll, expect, it } from 'vitest'
import { reprise } from '../src/index.ts'
import { createDatabase, kill } from './compare.ts'
import { failure } from './support.ts'

let url: string
beforeAll(async () => {
  url = await createDatabase()
})

/** What a `stream` function may do for a while, and whether a session waits for it to do better. */
const whims: [string, () => unknown, boolean][] = [
  [
    'throws',
    () => {
      throw new Error('no tunnel')
    },
    false,
  ],
  ['gives nothing', () => undefined, false],
  ['gives what is no socket', () => ({}), false],
  ['gives a socket that is destroyed', () => new Socket().destroy(), true],
]

it.each(whims)(
  'a stream function that %s is no crash, and its client is as good as before',
  async (...[, whim, passes]) => {
    let made = 0
    const stream = (): unknown => {
      made += 1
      return made === 2 ? whim() : new Socket()
    }
    const config = { connectionString: url, max: 1, stream, ...reprise({ deadline: 5000 }) }
    const pool = new pg.Pool(config as pg.PoolConfig)
    const client = await pool.connect()
    await client.query('SELECT 1')
    await kill(client)
    if (passes) expect((await client.query('SELECT 2 AS a')).rows).toEqual([{ a: 2 }])
    else {
      expect(await failure(client.query('SELECT 2'))).toMatchObject({
        reason: 'refused',
        cause: expect.any(Error),
      })
    }
    client.release()
    expect((await pool.query('SELECT 3 AS a')).rows).toEqual([{ a: 3 }])
    await pool.end()
  },
)
