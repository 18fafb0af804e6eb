import { once } from 'node:events'
import type { Socket } from 'node:net'
import { repriseClient } from '@reprise/pg'
import pg from 'pg'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { kill } from './compare.ts'
import { pidOf } from './support.ts'

const kinds = [
  ['a pg.Client', pg.Client],
  ['a session', repriseClient(pg.Client)],
] as const

const open = new Set<{ end(): Promise<void> }>()
afterEach(async () => {
  for (const client of open) await client.end()
  open.clear()
})

describe.each(kinds)('%s', (_, Client) => {
  const made = (config: object = {}): pg.Client => {
    const client = new Client({ connectionString: inject('serverUrl'), ...config })
    open.add(client)
    return client
  }

  it('is an instance of pg.Client, and of its own class', () => {
    const client = made()
    expect(client).toBeInstanceOf(pg.Client)
    expect(client).toBeInstanceOf(Client)
    expect(client.constructor).toBe(Client)
  })

  it('answers with the Promise that it was given', async () => {
    class Own<T> extends Promise<T> {}
    const client = made({ Promise: Own })
    const connected = client.connect()
    expect(connected).toBeInstanceOf(Own)
    await connected
    const answered = client.query('SELECT 1 AS a')
    expect(answered).toBeInstanceOf(Own)
    expect((await answered).rows).toEqual([{ a: 1 }])
  })

  it('asks for binary answers when it is told to, before connecting or after', async () => {
    const client = made() as pg.Client & { binary: boolean }
    await client.connect()
    client.binary = true
    expect(client.binary).toBe(true)
    const { fields } = await client.query({ text: 'SELECT $1::int AS a', values: [1] })
    expect(fields[0]?.format).toBe('binary')
  })

  it('shows what others note on a client while it connects', async () => {
    const { prototype } = pg.Client
    const { connect } = prototype
    // As pg-promise does.
    prototype.connect = function (this: pg.Client & { serverVersion?: string }, ...told: never[]) {
      const noted = (message: { parameterName: string; parameterValue: string }): void => {
        if (message.parameterName === 'server_version') this.serverVersion = message.parameterValue
      }
      ;(this as unknown as { connection: NodeJS.EventEmitter }).connection.on(
        'parameterStatus',
        noted,
      )
      return (connect as (...all: never[]) => unknown).call(this, ...told)
    } as typeof connect
    try {
      const client = made() as pg.Client & { serverVersion?: string }
      await client.connect()
      expect(client.serverVersion).toMatch(/^\d+/)
    } finally {
      prototype.connect = connect
    }
  })

  it('lets each of its properties be assigned, at least what it is', async () => {
    const client = made()
    const names = ['user', 'password', 'database', 'host', 'port', 'ssl', 'binary', 'processID']
    names.push('connectionParameters', 'connection', '_types', 'replication', 'sslNegotiation')
    const assign = (): void => {
      for (const name of names) Object.assign(client, { [name]: Reflect.get(client, name) })
    }
    assign()
    await client.connect()
    assign()
    Object.assign(client, { processID: 7 })
    expect(pidOf(client)).toBe(7)
  })

  it('says whether it is connecting, connected, ended', async () => {
    const client = made() as pg.Client & Record<'_connecting' | '_connected' | '_ended', boolean>
    const said = (): boolean[] => [client._connecting, client._connected, client._ended]
    expect(said()).toEqual([false, false, false])
    const connected = client.connect()
    expect(said()).toEqual([true, false, false])
    await connected
    expect(said()).toEqual([false, true, false])
    await client.end()
    expect(client._ended).toBe(true)
  })

  it('shows the stream of its connection while it connects', async () => {
    const client = made() as pg.Client & { connection: { stream: Socket } }
    const connected = client.connect()
    const { stream } = client.connection
    const opened = once(stream, 'connect')
    expect(stream.destroyed).toBe(false)
    await connected
    await opened
    expect(stream.remotePort).toBe(client.port)
  })

  it('lets its query be cancelled by another client', async () => {
    const client = made()
    await client.connect()
    // It only carries the request, and is never connected.
    const other = new Client(inject('serverUrl')) as unknown as { cancel(...of: object[]): void }
    const query = new pg.Query('SELECT pg_sleep(60)')
    const failed = once(query, 'error')
    client.query(query)
    // A new connection is asked first who it is: the request would end that question.
    const runs = async (): Promise<boolean> => {
      const watcher = new pg.Client(inject('serverUrl'))
      await watcher.connect()
      const { rows } = await watcher.query(
        "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'",
        [pidOf(client)],
      )
      await watcher.end()
      return rows.length > 0
    }
    await until(runs, { what: 'the query to run' })
    other.cancel(client, query)
    expect((await failed)[0]).toMatchObject({ code: '57014' })
  })

  it('may be connected when it was ended before, and is ended then', async () => {
    const client = made()
    await client.end()
    await client.connect()
    await expect(client.query('SELECT 1')).rejects.toThrow('Client was closed')
    const ended = once(client, 'end')
    await client.end()
    await ended
  })

  it('is an emitter of its own, and ends once', async () => {
    const client = made()
    await client.connect()
    const ended = once(client, 'end')
    await client.end()
    await ended
    expect(client.listenerCount('error')).toBe(0)
  })
})

describe('a session that is lost', () => {
  it('comes back as who its holder has made it', async () => {
    const url = inject('serverUrl')
    const client = new (repriseClient(pg.Client))({ connectionString: url, database: 'nowhere' })
    const { database } = new pg.Client(url)
    // As pg has it: a start-up reads the parameters, and others read the client.
    const parameters = { user: client.user, database, application_name: 'by hand' }
    Object.assign(client, { database })
    Object.assign(
      (client as unknown as { connectionParameters: object }).connectionParameters,
      parameters,
    )
    await client.connect()
    const asked = "SELECT current_database() AS db, current_setting('application_name') AS name"
    const before = (await client.query(asked)).rows
    await kill(client)
    expect((await client.query(asked)).rows).toEqual(before)
    expect(before).toEqual([{ db: database, name: 'by hand' }])
    await client.end()
  })

  it('makes its connections itself', async () => {
    const client = new (repriseClient(pg.Client))(inject('serverUrl'))
    const { connection } = new pg.Client(inject('serverUrl')) as unknown as { connection: object }
    expect(() => Object.assign(client, { connection })).toThrow(/cannot be replaced/)
  })
})
