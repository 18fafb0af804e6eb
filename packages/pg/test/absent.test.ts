import { failFast } from '@reprise/pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { failure, listen, poolOn } from './support.ts'

/** A server that is stopped for a while. */
describe('a server that is absent', () => {
  let server: Server
  let url: string

  beforeAll(async () => {
    server = await Server.start()
    url = await server.createDatabase()
  })
  afterAll(() => server?.dispose())

  it('is named while it is waited for, with the cause and what is left of the deadline', async () => {
    const pool = poolOn(url)
    await pool.query('SELECT 1')
    using waiting = listen('reprise:waiting')
    await server.stop('fast')
    const answer = pool.query('SELECT 2 AS two')
    await until(() => waiting.seen.length > 0)
    expect(waiting.seen[0]).toMatchObject({
      host: '127.0.0.1',
      port: server.port,
      cause: 'ECONNREFUSED',
    })
    expect(waiting.seen[0]?.left).toBeGreaterThan(0)
    await server.start()
    expect((await answer).rows).toEqual([{ two: 2 }])
    await pool.end()
  })

  it('is named in the error of whoever has waited in vain, connecting or not', async () => {
    const pool = poolOn(url, { deadline: 200 })
    const client = await pool.connect()
    await server.stop('fast')
    const where = `no connection to 127.0.0.1:${server.port} (ECONNREFUSED)`
    const lost = await failure(client.query('SELECT 1'))
    expect(lost).toMatchObject({ reason: 'deadline', outcome: 'not-sent' })
    expect(lost.message).toContain(where)
    // Who connects is told in the words of Node, and of the wait beside them.
    expect(await failure(poolOn(url, { deadline: 200 }).connect())).toMatchObject({
      message: `connect ECONNREFUSED 127.0.0.1:${server.port}`,
      advice: expect.stringContaining(where),
      reason: 'deadline',
      outcome: 'not-sent',
    })
    client.release()
    await server.start()
    await pool.end()
  })

  it.each([
    ['found out by the check itself', false],
    ['known by another session', true],
  ])('is not waited for inside failFast(): %s', async (_, known) => {
    const [pool, fresh, other] = [poolOn(url), poolOn(url), poolOn(url)]
    const client = await pool.connect()
    await client.query('SELECT 1')
    await other.query('SELECT 1')
    using waiting = listen('reprise:waiting')
    await server.stop('fast')
    const patient = known ? other.query('SELECT 3 AS three') : undefined
    if (known) await until(() => waiting.seen.length > 0)
    for (const error of [
      await failure(failFast(() => client.query('SELECT 1'))),
      await failure(failFast(() => fresh.query('SELECT 1'))),
    ]) {
      expect(error).toMatchObject({ reason: 'down', outcome: 'not-sent' })
      expect(error.message).toMatch(/ECONNREFUSED/)
      expect(error.message).toContain(`127.0.0.1:${server.port}`)
    }
    await server.start()
    // Outside of it, and to others, nothing of that is known.
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    if (patient) expect((await patient).rows).toEqual([{ three: 3 }])
    client.release()
    for (const each of [pool, fresh, other]) await each.end()
  })

  it('inside failFast() what is lost while the server is up is mended', async () => {
    const pool = poolOn(url)
    const client = await pool.connect()
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
    await server.terminate(rows[0].pid)
    const answer = await failFast(() => client.query('SELECT 4 AS four'))
    expect(answer.rows).toEqual([{ four: 4 }])
    client.release()
    await pool.end()
  })

  it('failFast() takes a function', () => {
    expect(() => failFast(undefined as never)).toThrow(/failFast\(\(\) =>/)
  })
})
