import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Logger } from '@nestjs/common'
import { Budget, rerunnable, rerun as rerunOf, settingsOf } from '@reprise/core'
import { counters, type Log, type RepriseOptions, reprise, rerun } from '@reprise/pg'
import type { PoolClient } from 'pg'
import Cursor from 'pg-cursor'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import { freePort } from '../../../test/kit/free-port.ts'
import { Server, until } from '../../../test/kit/index.ts'
import {
  failure,
  kill,
  listen,
  pidOf,
  poolOn,
  proxied,
  withClient,
  withThrowaway,
} from './support.ts'

let server: Server
let where: string
beforeAll(async () => {
  server = await Server.start()
  where = `${server.host}:${server.port}`
}, 120_000)
afterAll(() => server.dispose())

/** A log that keeps what it is told. */
class Kept {
  readonly lines: string[] = []
  info(line: string): void {
    this.lines.push(`info ${line}`)
  }
  warn(line: string): void {
    this.lines.push(`warn ${line}`)
  }
  error(line: string): void {
    this.lines.push(`error ${line}`)
  }
  /** With the durations, which nobody knows, left out. */
  get told(): string[] {
    return this.lines.map((line) => line.replaceAll(/\d+ ms/g, 'n ms'))
  }
}

describe('a log has one line for an incident', () => {
  it('that says which transaction was replayed', async () => {
    const log = new Kept()
    await withClient(
      server.url,
      async (client) => {
        await client.query('BEGIN')
        for (const one of [1, 2, 3]) await client.query('SELECT $1::int', [one])
        await kill(server, client)
        await client.query('SELECT 4')
        await client.query('COMMIT')
      },
      { log },
    )
    expect(log.told).toEqual([
      `info reprise: backend terminated (57P01) on ${where}, transaction of 4 statements replayed in n ms`,
    ])
  })
  it('that says that a session came back, or a statement was executed again', async () => {
    const log = new Kept()
    await withClient(
      server.url,
      async (client) => {
        await kill(server, client)
        await client.query('SELECT 1')
        const slow = client.query('SELECT pg_sleep(0.5)')
        const pid = pidOf(client)
        const active = `SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'`
        await until(async () => (await server.sql(active, [pid])).length === 1)
        await server.terminate(pid)
        await slow
      },
      { log },
    )
    expect(log.told).toEqual([
      `info reprise: backend terminated (57P01) on ${where} while idle, reconnected in n ms`,
      `info reprise: backend terminated (57P01) on ${where}, statement executed again in n ms`,
    ])
  })
  it('that is an error with its outcome and advice where the caller is told', async () => {
    const log = new Kept()
    await withThrowaway(
      server.url,
      async (client) => {
        await client.query('BEGIN')
        await client.query('SELECT txid_current()')
        await kill(server, client)
        await failure(client.query('SELECT 1'))
        // What follows is the same incident.
        await failure(client.query('SELECT 2'))
        await client.query('ROLLBACK')
      },
      { log, replay: 'off' },
    )
    expect(log.told).toEqual([
      `error reprise: backend terminated (57P01) on ${where}, not mended: rolled-back (57P01). Run the transaction again from its start; nothing of it was kept.`,
    ])
  })
  it('that says in doubt where nobody can say', async () => {
    const log = new Kept()
    await using link = await proxied(server)
    await withThrowaway(
      link.url,
      async (client) => {
        await client.query('CREATE TABLE t (a int)')
        link.proxy.onFrame(({ from, text }) =>
          from === 'server' && text?.startsWith('INSERT 0') ? 'reset' : 'pass',
        )
        await failure(client.query('INSERT INTO t VALUES (1)'))
      },
      { log, witness: 'off' },
    )
    expect(log.told).toEqual([
      `error reprise: connection lost (08006) on ${server.host}:${link.proxy.port}, not mended: in doubt (08007). Look up whether the work is there before doing it again; exactlyOnce: true removes this doubt.`,
    ])
  })
})

it('waiting for a server that is absent is told once for all sessions, with its cause and what is left', async () => {
  const log = new Kept()
  const port = await freePort()
  using waiting = listen('reprise:waiting')
  const pool = poolOn(
    `postgres://postgres@127.0.0.1:${port}/postgres`,
    { log, deadline: 4000 },
    { max: 5 },
  )
  await Promise.all([1, 2, 3, 4, 5].map(() => failure(pool.query('SELECT 1'))))
  await pool.end()
  expect(waiting.seen).toHaveLength(5)
  expect(log.told).toEqual([
    expect.stringMatching(
      `^warn reprise: waiting for 127.0.0.1:${port} \\(ECONNREFUSED\\), [12] s left of the deadline$`,
    ),
    ...Array(5).fill(
      `error reprise: no connection (08001) on 127.0.0.1:${port}, not mended: not-sent (ECONNREFUSED). The server did not come back within the deadline; the work may be tried again later.; no connection to 127.0.0.1:${port} (ECONNREFUSED)`,
    ),
  ])
})

it('a log hears of the sessions of its own call of reprise() and of no others', async () => {
  const [mine, others] = [new Kept(), new Kept()]
  const lose = (log: Kept): Promise<void> =>
    withClient(
      server.url,
      async (client) => {
        await kill(server, client)
        await client.query('SELECT 1')
      },
      { log },
    )
  await Promise.all([lose(mine), lose(mine)])
  await lose(others)
  expect([mine.lines.length, others.lines.length]).toEqual([2, 1])
})

describe('whatever a log does, the work is mended', () => {
  const say = { warn: () => undefined, error: () => undefined }
  it.each<[string, Log]>([
    ['throws', { ...say, info: () => raise() }],
    ['rejects', { ...say, info: async () => raise() }],
    ['answers something', { ...say, log: () => 1 }],
  ])('also where it %s', async (_, log) => {
    await withClient(
      server.url,
      async (client) => {
        await kill(server, client)
        expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      },
      { log },
    )
  })
  const raise = (): never => {
    throw new Error('the log is full')
  }
})

it('console, pino and the Logger of Nest are logs, and are called as such', async () => {
  expectTypeOf(console).toExtend<Log>()
  expectTypeOf(pino()).toExtend<Log>()
  expectTypeOf(new Logger()).toExtend<Log>()
  const written: string[] = []
  const logger = new Logger('Database')
  // Nest's has `log` for what others call `info`; it reads its context from `this`.
  Logger.overrideLogger({
    log: (line: string, context: string) => written.push(`${context} ${line}`),
    warn: () => undefined,
    error: () => undefined,
  })
  const stream = pino({ base: null, timestamp: false }, { write: (line) => written.push(line) })
  for (const log of [logger, stream]) {
    await withClient(
      server.url,
      async (client) => {
        await kill(server, client)
        await client.query('SELECT 1')
      },
      { log },
    )
  }
  expect(written).toEqual([
    expect.stringMatching(/^Database reprise: backend terminated/),
    expect.stringMatching(/^\{"level":30,"msg":"reprise: backend terminated/),
  ])
})

it.each([true, 'console', {}, { info: () => undefined }, { warn() {}, error() {} }])(
  'the log %j is refused with a sentence',
  (log) => {
    const options = { log } as unknown as RepriseOptions
    expect(() => reprise(options)).toThrow(
      "Reprise option 'log' must be an object with info (or log), warn and error, such as console.",
    )
  },
)

/** A transaction that is not executed again is lost, and its caller told. */
function surfaceOne(options: RepriseOptions = {}): Promise<void> {
  return withThrowaway(
    server.url,
    async (client) => {
      await client.query('BEGIN')
      await kill(server, client)
      await failure(client.query('SELECT 1'))
      await client.query('ROLLBACK')
    },
    { ...options, replay: 'off' },
  )
}

describe('counters()', () => {
  it('are plain numbers of what was lost, mended and surfaced', async () => {
    const before = counters()
    await withThrowaway(server.url, async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT 1')
      await kill(server, client)
      await client.query('COMMIT')
    })
    await surfaceOne()
    const after = counters()
    expect(JSON.parse(JSON.stringify(after))).toEqual(after)
    expect({
      losses: after.losses - before.losses,
      replays: after.replays - before.replays,
      mended: after.mended - before.mended,
      rolledBack: after.surfaced['rolled-back'] - before.surfaced['rolled-back'],
      inDoubt: after.surfaced['in-doubt'] - before.surfaced['in-doubt'],
    }).toEqual({ losses: 2, replays: 1, mended: 1, rolledBack: 1, inDoubt: 0 })
  })
})

describe('a callback that is run again', () => {
  const diverging = async (poolName: string, again: boolean): Promise<unknown> => {
    const pool = poolOn(server.url, { poolName })
    let runs = 0
    const callback = async (client: PoolClient): Promise<void> => {
      runs += 1
      await client.query('SELECT random()')
      if (runs === 1) await kill(server, client)
      await client.query('SELECT 1')
    }
    const transaction = async (run: (client: PoolClient) => Promise<void>): Promise<void> => {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        await run(client)
        await client.query('COMMIT')
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    }
    const done = again ? rerun(transaction, callback) : transaction(callback)
    return await done
      .then(
        () => runs,
        (error) => error.outcome,
      )
      .finally(() => pool.end())
  }
  it('was told of its loss, and the counters say that no caller was', async () => {
    expect(await diverging('told', false)).toBe('rolled-back')
    expect(await diverging('again', true)).toBe(2)
    expect(counters('told')).toMatchObject({
      mended: 0,
      reruns: 0,
      surfaced: { 'rolled-back': 1 },
    })
    expect(counters('again')).toMatchObject({
      divergences: 1,
      reruns: 1,
      mended: 1,
      surfaced: { 'not-sent': 0, 'rolled-back': 0, committed: 0, 'in-doubt': 0 },
    })
  })
  it('because the server refused it takes no loss out of the counters', async () => {
    expect(await diverging('both', false)).toBe('rolled-back')
    const conflict = Object.assign(new Error('conflict'), { code: '40001' })
    let runs = 0
    const run = async (): Promise<void> => {
      runs += 1
      if (runs === 1) throw conflict
    }
    const settings = settingsOf({ poolName: 'both' })
    await rerunOf(rerunnable(run), run, settings, new Budget({}))
    expect(counters('both')).toMatchObject({ reruns: 1, surfaced: { 'rolled-back': 1 } })
  })
})

describe('a pool that was given a name', () => {
  it('has it in lines, events and counters of its own', async () => {
    const log = new Kept()
    using losses = listen('reprise:loss')
    using surfaced = listen('reprise:surface')
    const lose = (poolName: string | undefined): Promise<void> => surfaceOne({ log, poolName })
    const before = counters()
    for (const name of ['orders', 'reports', 'orders', undefined]) await lose(name)
    expect(log.lines.map((line) => line.split(':', 1)[0])).toEqual([
      'error reprise (orders)',
      'error reprise (reports)',
      'error reprise (orders)',
      'error reprise',
    ])
    for (const { seen } of [losses, surfaced]) {
      expect(seen.map(({ poolName }) => poolName)).toEqual([
        'orders',
        'reports',
        'orders',
        undefined,
      ])
    }
    expect(counters('orders')).toMatchObject({ losses: 2, surfaced: { 'rolled-back': 2 } })
    expect(counters('reports')).toMatchObject({ losses: 1, surfaced: { 'rolled-back': 1 } })
    expect(counters('nobody')).toEqual({
      losses: 0,
      reconnects: 0,
      replays: 0,
      divergences: 0,
      doubts: 0,
      reruns: 0,
      mended: 0,
      surfaced: { 'not-sent': 0, 'rolled-back': 0, committed: 0, 'in-doubt': 0 },
    })
    // All of them are in those of the process, in the shape that they have always had.
    expect(counters().losses - before.losses).toBe(4)
    expect(Object.keys(counters())).toEqual(Object.keys(before))
  })
  it('has it in what is said of a callback that is run again', async () => {
    using reruns = listen('reprise:rerun')
    const log = new Kept()
    const conflict = Object.assign(new Error('conflict'), { code: '40001' })
    let runs = 0
    const settings = settingsOf({ poolName: 'till', log })
    const run = async (): Promise<void> => {
      runs += 1
      if (runs === 1) throw conflict
    }
    await rerunOf(rerunnable(run), run, settings, new Budget({}))
    expect(reruns.seen).toMatchObject([{ attempt: 2, poolName: 'till' }])
    expect(log.lines).toEqual([
      'info reprise (till): transaction callback run again (40001), run 2',
    ])
    expect(counters('till').reruns).toBe(1)
  })
  it('is told of waiting beside others that have the same log', async () => {
    const log = new Kept()
    const port = await freePort()
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`
    const pools = ['orders', 'reports'].map((poolName) =>
      poolOn(url, { log, deadline: 3000, poolName }),
    )
    await Promise.all(pools.map((pool) => failure(pool.query('SELECT 1'))))
    await Promise.all(pools.map((pool) => pool.end()))
    const waits = log.lines.filter((line) => line.startsWith('warn')).sort()
    expect(waits).toEqual([
      expect.stringMatching(/^warn reprise \(orders\): waiting for /),
      expect.stringMatching(/^warn reprise \(reports\): waiting for /),
    ])
  })
  it.each(['', 'two\nlines', 1, {}, null])('cannot be given %j for a name', (poolName) => {
    expect(() => reprise({ poolName } as unknown as RepriseOptions)).toThrow(
      "Reprise option 'poolName' must be a name such as 'orders', not empty and without control characters.",
    )
  })
})

describe('what is told of a recovery', () => {
  it('is one event, in the context of whoever asked', async () => {
    const asker = new AsyncLocalStorage<string>()
    const told: unknown[] = []
    const hear = (event: unknown): unknown => told.push([asker.getStore(), event])
    subscribe('reprise:recovery', hear)
    await withClient(server.url, async (client) => {
      await asker.run('first', async () => {
        await client.query('BEGIN')
        await client.query('SELECT 1')
      })
      await kill(server, client)
      await asker.run('second', () => client.query('SELECT 2'))
      await client.query('COMMIT')
    })
    unsubscribe('reprise:recovery', hear)
    expect(told).toEqual([
      [
        'second',
        {
          session: expect.any(Number),
          host: server.host,
          port: server.port,
          database: 'postgres',
          applicationName: undefined,
          condition: 'admin_shutdown',
          sqlstate: '57P01',
          evidence: 'frame',
          outcome: 'rolled-back',
          idle: true,
          inTransaction: true,
          by: 'replay',
          surfaced: undefined,
          code: undefined,
          attempts: 1,
          statements: 2,
          duration: expect.any(Number),
        },
      ],
    ])
  })
  it('in that of a cursor as well, which waits for the connection that carries it', async () => {
    const asker = new AsyncLocalStorage<string>()
    const told: unknown[] = []
    const hear = (): unknown => told.push(asker.getStore())
    subscribe('reprise:recovery', hear)
    await withClient(server.url, async (client) => {
      await kill(server, client)
      await asker.run('reader', async () => {
        const cursor = client.query(new Cursor('SELECT 1 AS one'))
        expect(await cursor.read(1)).toEqual([{ one: 1 }])
        await cursor.close()
      })
    })
    unsubscribe('reprise:recovery', hear)
    expect(told).toEqual(['reader'])
  })
  it('and a loss while nothing was in flight says that the open transaction is gone', async () => {
    using losses = listen('reprise:loss')
    await withClient(server.url, async (client) => {
      await kill(server, client)
      await client.query('BEGIN')
      await kill(server, client)
      await client.query('COMMIT')
    })
    expect(
      losses.seen.map(({ idle, inTransaction, outcome }) => [idle, inTransaction, outcome]),
    ).toEqual([
      [true, false, 'not-sent'],
      [true, true, 'rolled-back'],
    ])
  })
})
