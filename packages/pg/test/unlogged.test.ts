import { describe, expect, it } from 'vitest'
import { Backend, type Fault, instead, tagged } from './backend.ts'
import { failure, listen, poolOn } from './support.ts'

/*
 * Engines that speak PostgreSQL's protocol and have no log of its kind: they know no transaction ids
 * and no system identifier. Scripted after what CockroachDB's documentation has; the real ones were not
 * to be had.
 */
const unknown =
  /pg_control_system|pg_current_xact_id|pg_xact_status|pg_walfile_name|pg_logical_emit_message|pg_stat_wal|synchronous_standby_names/
const insert = 'INSERT INTO t VALUES (1)'
const token = { token: 'tokens' } as const
const left = (backend: Backend): string[] =>
  backend.lives.flat().filter((text) => text.startsWith('INSERT INTO "tokens"'))

describe('an engine that knows no transaction ids', () => {
  it.each(['xid', token, 'off'] as const)(
    'executes all that it is asked once (witness: %j)',
    async (witness) => {
      await using backend = await Backend.start([], { unknown })
      using advice = listen('reprise:advice')
      const pool = poolOn(backend.url, { witness })
      expect((await pool.query('SELECT 3')).rows).toEqual([{ a: '1' }])
      expect((await pool.query(insert)).rowCount).toBe(1)
      const client = await pool.connect()
      for (const text of ['BEGIN', 'UPDATE t SET a = 2', 'SELECT 2', 'COMMIT']) {
        await client.query(text)
        expect(backend.sent(text)).toBe(1)
      }
      client.release()
      expect([backend.sent('SELECT 3'), backend.sent(insert)]).toEqual([1, 1])
      expect(left(backend)).toHaveLength(witness === token ? 2 : 0)
      expect(advice.seen).toHaveLength(witness === 'off' ? 0 : 1)
      await pool.end()
    },
  )
  it('says so once for all its sessions, and what to do', async () => {
    await using backend = await Backend.start([], { unknown })
    using advice = listen('reprise:advice')
    for (let i = 0; i < 2; i++) {
      const pool = poolOn(backend.url, {}, { max: 2 })
      await Promise.all([pool.query(insert), pool.query(insert)])
      await pool.end()
    }
    expect(advice.seen.map(({ advice }) => advice)).toEqual([
      expect.stringMatching(/does not know.*42883.*stays in doubt: set witness to a token table/),
    ])
  })
  it('leaves a commit whose answer is lost in doubt, without tokens', async () => {
    await using backend = await Backend.start([{}, { [insert]: instead(), COMMIT: instead() }], {
      unknown,
    })
    const pool = poolOn(backend.url)
    expect(await failure(pool.query(insert))).toMatchObject({ outcome: 'in-doubt' })
    await pool.end()
  })

  const works: [string, string[]][] = [
    ['a write', [insert]],
    ['a transaction', ['BEGIN', insert, 'COMMIT']],
  ]
  describe.each(works)('has a token resolve %s', (_what, texts) => {
    const last = texts.at(-1) as string
    const run = async (backend: Backend, exactlyOnce: boolean): Promise<string> => {
      const pool = poolOn(backend.url, { witness: token, exactlyOnce })
      const client = await pool.connect()
      let answer = ''
      for (const text of texts) {
        answer = await client.query(text).then(
          ({ command }) => command,
          ({ outcome }) => outcome,
        )
      }
      client.release()
      await pool.end()
      return answer
    }
    // The first connection is refused its identity, before anything of the statement is read.
    const lost = (fault: Fault): Record<string, Fault>[] => [{}, { [last]: fault }]
    it.each([true, false])('that is committed (exactlyOnce: %j)', async (exactlyOnce) => {
      const fault = last === insert ? tagged() : instead()
      const name = exactlyOnce && last === insert ? `${insert} Sync` : last
      const faults = lost(name === last ? fault : instead())
      if (name !== last)
        Object.assign(faults[1] as object, { [name]: instead(), [last]: async () => true })
      await using backend = await Backend.start(faults, { unknown })
      expect(await run(backend, exactlyOnce)).toBe(last === insert ? 'INSERT' : 'COMMIT')
      expect(backend.sent(last)).toBe(1)
    })
    it('that is not, and is done again', async () => {
      await using backend = await Backend.start(lost(instead()), { unknown, died: true })
      expect(await run(backend, false)).toBe(last === insert ? 'INSERT' : 'COMMIT')
      expect(backend.sent(last)).toBe(2)
      expect(left(backend)).toHaveLength(2)
    })
  })
  it('is left no token by a transaction that has written nothing', async () => {
    await using backend = await Backend.start([], { unknown })
    const pool = poolOn(backend.url, { witness: token })
    const client = await pool.connect()
    for (const text of ['BEGIN READ ONLY', 'SELECT f()', 'COMMIT']) await client.query(text)
    client.release()
    expect(left(backend)).toEqual([])
    await pool.end()
  })
})

describe('an engine that knows itself, but no transaction ids', () => {
  const unheard = /pg_current_xact_id|synchronous_standby_names/

  it('and refuses them behind a statement, may have executed it: that is in doubt, once', async () => {
    await using backend = await Backend.start([], { unknown: unheard })
    const pool = poolOn(backend.url)
    expect(await failure(pool.query(insert))).toMatchObject({ outcome: 'in-doubt' })
    expect((await pool.query(insert)).rowCount).toBe(1)
    expect(backend.sent(insert)).toBe(2)
    await pool.end()
  })
  it.each([true, false])('has a token say whether it did (died: %j)', async (died) => {
    await using backend = await Backend.start([], { unknown: unheard, died })
    const pool = poolOn(backend.url, { witness: token })
    expect((await pool.query(insert)).rowCount).toBe(1)
    expect(backend.sent(insert)).toBe(died ? 2 : 1)
    await pool.end()
  })
})
