import { existsSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Server, until, versions } from '../kit/index.ts'
import { ObservedClient } from './observed-client.ts'

describe('every version', () => {
  test.each(versions)(
    '%s starts, obeys its settings and leaves nothing behind',
    async (version) => {
      const server = await Server.start({
        version,
        settings: { work_mem: '5MB', max_connections: '20' },
      })
      const rows = await server.sql(
        `select current_setting('server_version') as version, current_setting('work_mem') as work,
              current_setting('max_connections') as connections,
              current_setting('max_prepared_transactions') as prepared`,
      )
      expect(rows).toEqual([
        {
          version: expect.stringMatching(`^${version}\\.`),
          work: '5MB',
          connections: '20',
          prepared: '10',
        },
      ])
      await Promise.all([server.dispose(), server.dispose()])
      expect(server.running).toBe(false)
      expect(existsSync(server.directory)).toBe(false)
    },
  )
})

test.each(['14', '18'] as const)(
  'a standby of %s follows its server, until it is promoted',
  async (version) => {
    await using primary = await Server.start({ version })
    await primary.sql('create table t (a int)')
    await using standby = await primary.standby({ settings: { work_mem: '5MB' } })
    await primary.sql('insert into t values (1)')
    const rows = () => standby.sql('select pg_is_in_recovery() as standby, a from t')
    await until(async () => (await rows()).length > 0, { what: 'the row to come' })
    expect(await rows()).toEqual([{ standby: true, a: 1 }])
    expect(await standby.sql('show work_mem')).toEqual([{ work_mem: '5MB' }])
    await expect(standby.sql('insert into t values (2)')).rejects.toMatchObject({ code: '25006' })
    await standby.promote()
    await standby.sql('insert into t values (2)')
    await standby.restart('fast')
    expect((await rows()).map(({ a }) => a)).toEqual([1, 2])
  },
)

describe('a server', () => {
  let server: Server
  let url: string
  let client: ObservedClient
  beforeAll(async () => {
    server = await Server.start()
    url = await server.createDatabase()
    await server.sql('create table kept (id int)')
  })
  beforeEach(async () => {
    client = await ObservedClient.open(url)
    return () => client.end()
  })
  afterAll(() => server.dispose())

  test('a smart stop waits for its clients and lets no new ones in', async () => {
    const stopped = server.stop('smart')
    const refused = async () => {
      const other = new ObservedClient(url)
      const code = await other.connect().then(
        () => 'connected',
        (error) => error.code,
      )
      await other.end()
      return code === '57P03'
    }
    await until(refused)
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await client.end()
    await stopped
    expect(server.running).toBe(false)
    await server.start()
  })

  test('a fast stop throws its clients out, and the data is there afterwards', async () => {
    await server.sql('insert into kept values (1)')
    await server.restart('fast')
    await client.over
    expect(client.codes).toContain('57P01')
    expect(await server.sql('select id from kept')).toEqual([{ id: 1 }])
  })

  test('a fast stop overtakes a smart one', async () => {
    const smart = server.stop('smart')
    await server.stop('fast')
    await smart
    await server.start()
    expect(server.running).toBe(true)
  })

  test('an immediate stop is a crash, from which it recovers', async () => {
    await server.restart('immediate')
    await client.over
    // Most clients are warned, yet it does happen that one is not.
    expect(client.notices.filter((code) => code !== '57P01')).toEqual([])
    expect(server.logTail().join('\n')).toContain('not properly shut down')
  })

  test('SIGKILL of one backend throws out the others with 57P02', async () => {
    // Most of the others are warned, yet it does happen that one is not.
    const warned = async () => {
      const victim = await ObservedClient.open(url)
      const other = await ObservedClient.open(url)
      server.sigkill(await victim.backend())
      await Promise.all([victim.over, other.over])
      expect(victim.notices).toEqual([])
      // The connection of its own was lost as well, and the server recovers: both are waited for.
      expect(await server.sql('select 1 as one')).toEqual([{ one: 1 }])
      return other.notices[0]
    }
    expect(await until(warned)).toBe('57P02')
  })

  test('only its own processes are ever signalled', () => {
    for (const pid of [process.pid, server.pid, 1, 0, -1, Number.NaN]) {
      expect(() => server.sigkill(pid)).toThrow('no backend of this server')
      expect(() => server.freeze(pid)).toThrow('no backend of this server')
    }
  })

  test('terminate says whether there was somebody', async () => {
    const pid = await client.backend()
    expect(await server.terminate(pid)).toBe(true)
    await client.over
    expect(client.codes).toContain('57P01')
    expect(await server.terminate(2 ** 22 + 1)).toBe(false)
  })

  test('a frozen backend is silent until it is thawed', async () => {
    const pid = await client.backend()
    server.freeze(pid)
    let answered = false
    const answer = client.query('select 1 as one').then(({ rows }) => {
      answered = true
      return rows
    })
    for (let i = 0; i < 20; i++) await server.sql('select 1')
    expect(answered).toBe(false)
    server.thaw(pid)
    expect(await answer).toEqual([{ one: 1 }])
  })

  test('a new session has a changed setting, over one from the start', async () => {
    const changed = await Server.start({ settings: { work_mem: '5MB', 'my.name': "it's" } })
    try {
      await changed.set('work_mem', '6MB')
      await changed.set('idle_session_timeout', '0')
      const other = await ObservedClient.open(changed.url)
      const { rows } = await other.query(
        `select current_setting('work_mem') as work, current_setting('my.name') as name`,
      )
      expect(rows).toEqual([{ work: '6MB', name: "it's" }])
      await other.end()
      await expect(changed.set('work_mem', 'nonsense')).rejects.toMatchObject({ code: '22023' })
    } finally {
      await changed.dispose()
    }
  })

  test('a stopped server says so, and a disposed one cannot be started', async () => {
    await server.stop('fast')
    await expect(server.sql('select 1')).rejects.toThrow('is stopped')
    await server.stop('immediate')
    await server.start()
    const other = await Server.start()
    await other.dispose()
    await expect(other.start()).rejects.toThrow('disposed')
  })

  test('the log is told as it is written, and a frozen backend does not keep it from going', async () => {
    const lines: string[] = []
    const talking = await Server.start({ log: (line) => lines.push(line) })
    await talking.sql(`do $$ begin raise log 'hear me'; end $$`)
    await until(() => lines.some((line) => line.includes('hear me')))
    expect(talking.logTail().some((line) => line.includes('hear me'))).toBe(true)
    // Somebody who cannot hear that he shall go does not hold up the others.
    const frozen = await ObservedClient.open(talking.url)
    talking.freeze(await frozen.backend())
    await talking.dispose()
    await frozen.over
  })

  test('a server that cannot start says why', async () => {
    const starting = Server.start({ settings: { shared_buffers: 'nonsense' } })
    await expect(starting).rejects.toThrow('invalid value for parameter "shared_buffers"')
  })
})
