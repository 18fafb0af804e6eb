import { diagnose } from '@reprise/core'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { failure, kill, listen, pidOf, poolOn, undone, withThrowaway } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start({ settings: { fsync: 'on' } })
})
afterAll(() => server?.dispose())

async function sleeping(pid: number): Promise<void> {
  await until(
    async () =>
      (await server.sql('SELECT wait_event FROM pg_stat_activity WHERE pid = $1', [pid]))[0]
        ?.wait_event === 'PgSleep',
  )
}

describe('cause 1: pg_terminate_backend', () => {
  it('of an idle session is invisible', async () => {
    await withThrowaway(server.url, async (client) => {
      await kill(server, client)
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })
  })
  it('of a statement in flight is mended', async () => {
    await withThrowaway(server.url, async (client) => {
      const asked = client.query('SELECT pg_sleep(0.2), 1 AS one')
      await sleeping(pidOf(client))
      await server.terminate(pidOf(client))
      expect((await asked).rows).toMatchObject([{ one: 1 }])
    })
  })
  it("of a runaway query is the operator's will: it does not come back, and the next statement runs", async () => {
    await withThrowaway(
      server.url,
      async (client) => {
        const asked = failure(client.query('SELECT pg_sleep(60)'))
        await sleeping(pidOf(client))
        await server.terminate(pidOf(client))
        const error = await asked
        expect(error).toMatchObject({ code: '57P01', outcome: 'rolled-back', reason: 'operator' })
        expect(diagnose(error)?.advice).toContain('prefer pg_cancel_backend')
        expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      },
      { operatorAfter: 0 },
    )
  })
  it('again and again under the same statement ends with an error', async () => {
    await withThrowaway(server.url, async (client) => {
      const asked = failure(client.query('SELECT pg_sleep(60)'))
      let ended = false
      void asked.then(() => {
        ended = true
      })
      while (!ended)
        await server.sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        )
      expect(await asked).toMatchObject({ reason: 'repeated', outcome: 'rolled-back' })
    })
  })
})

describe('cause 2: the server stops', () => {
  it.each(['fast', 'immediate'] as const)(
    '%s, and comes back: statements and transactions go on',
    async (mode) => {
      await withThrowaway(server.url, async (client) => {
        await client.query('CREATE TABLE IF NOT EXISTS stops (a int); TRUNCATE stops')
        await client.query('BEGIN')
        await client.query('INSERT INTO stops VALUES (1)')
        await server.restart(mode)
        await client.query('INSERT INTO stops VALUES (2)')
        await client.query('COMMIT')
        expect((await client.query('SELECT count(*)::int AS n FROM stops')).rows).toEqual([
          { n: 2 },
        ])
      })
    },
  )
  it('smart waits for the session, and the next statement after it waits for the server', async () => {
    const pool = poolOn(server.url)
    await pool.query('SELECT 1')
    const stopping = server.stop('smart')
    const client = await pool.connect()
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    client.release(true)
    await stopping
    const asked = pool.query('SELECT 2 AS two')
    await server.start()
    expect((await asked).rows).toEqual([{ two: 2 }])
    await pool.end()
  })
  it('takes no runaway query for the operator’s will when the server itself went down', async () => {
    await withThrowaway(
      server.url,
      async (client) => {
        const asked = client.query('SELECT pg_sleep(0.5), 1 AS one')
        await sleeping(pidOf(client))
        await server.restart('fast')
        expect((await asked).rows).toMatchObject([{ one: 1 }])
      },
      { operatorAfter: 0 },
    )
  })
  it('for longer than the deadline is one honest error, and the session goes on afterwards', async () => {
    await withThrowaway(
      server.url,
      async (client) => {
        await server.stop('fast')
        expect(await failure(client.query('SELECT 1'))).toMatchObject({
          outcome: undone,
          reason: 'deadline',
          condition: 'admin_shutdown',
        })
        await server.start()
        expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      },
      { deadline: 300 },
    )
  })
  it('is announced by the crash of another backend: the session goes on', async () => {
    await withThrowaway(server.url, async (client) => {
      await client.query('SELECT 1')
      const victim = new pg.Client({ connectionString: server.url })
      victim.on('error', () => undefined)
      await victim.connect()
      server.sigkill(pidOf(victim))
      await until(async () => {
        const { rows } = await client.query('SELECT 1 AS one')
        return rows[0].one === 1
      })
    })
  })
})

describe('cause 3: a timeout of the server', () => {
  it('idle_in_transaction_session_timeout is 25P03, not 57P01: it surfaces, and says so', async () => {
    await withThrowaway(server.url, async (client) => {
      using losses = listen('reprise:loss')
      await client.query('BEGIN')
      await client.query("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
      await until(() =>
        losses.seen.some(({ condition }) => condition === 'idle_in_transaction_session_timeout'),
      )
      const error = await failure(client.query('SELECT 1'))
      expect(error).toMatchObject({ code: '25P03', outcome: 'rolled-back', reason: 'limit' })
      expect(diagnose(error)).toMatchObject({
        condition: 'idle_in_transaction_session_timeout',
        evidence: 'frame',
      })
      await client.query('ROLLBACK')
    })
  })
  it('idle_session_timeout (57P05) is invisible', async () => {
    await withThrowaway(server.url, async (client) => {
      using losses = listen('reprise:loss')
      await client.query("SET idle_session_timeout = '50ms'")
      await until(() => losses.seen.some(({ condition }) => condition === 'idle_session_timeout'))
      expect(losses.seen.at(-1)).toMatchObject({ condition: 'idle_session_timeout', idle: true })
      expect(
        (await client.query("SELECT current_setting('idle_session_timeout') AS t")).rows,
      ).toEqual([{ t: '50ms' }])
    })
  })
  it('transaction_timeout (25P04) surfaces', async () => {
    await withThrowaway(server.url, async (client) => {
      await client.query('BEGIN')
      await client.query("SET LOCAL transaction_timeout = '50ms'")
      expect(await failure(client.query('SELECT pg_sleep(60)'))).toMatchObject({
        code: '25P04',
        outcome: 'rolled-back',
        reason: 'limit',
      })
      await client.query('ROLLBACK')
    })
  })
})

describe('cause 4: a reaper of idle connections', () => {
  it('is mended every time, noticed, and reported once with the advice to use a timeout', async () => {
    const pool = poolOn(server.url, {}, { max: 3, idleTimeoutMillis: 0 })
    using advice = listen('reprise:advice')
    using losses = listen('reprise:loss')
    const reap =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reaped' AND state = 'idle' AND state_change < now() - interval '0.6 s'"
    const named = poolOn(
      server.url,
      {},
      { max: 1, idleTimeoutMillis: 0, application_name: 'reaped' },
    )
    for (let round = 1; round <= 7; round++) {
      expect((await named.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      await until(async () => {
        await server.sql(reap)
        return losses.seen.length === round
      })
    }
    expect(advice.seen).toHaveLength(1)
    expect(advice.seen[0]?.advice).toContain('idle_session_timeout')
    await named.end()
    await pool.end()
  })
})

describe('the contrast: pg_cancel_backend', () => {
  it('leaves the connection alive, is not retried and is no loss', async () => {
    await withThrowaway(server.url, async (client) => {
      using losses = listen('reprise:loss')
      const pid = pidOf(client)
      const asked = failure(client.query('SELECT pg_sleep(60)'))
      await sleeping(pid)
      await server.sql('SELECT pg_cancel_backend($1)', [pid])
      const error = await asked
      expect(error).toMatchObject({ code: '57014' })
      expect(diagnose(error)).toBeUndefined()
      expect(losses.seen).toHaveLength(0)
      expect(pidOf(client)).toBe(pid)
    })
  })
})
