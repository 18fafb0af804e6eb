import { once } from 'node:events'
import { repriseClient } from '@reprise/pg'
import pg from 'pg'
import { afterEach, describe, expect, inject, it } from 'vitest'

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

  it('is an emitter of its own, and ends once', async () => {
    const client = made()
    await client.connect()
    const ended = once(client, 'end')
    await client.end()
    await ended
    expect(client.listenerCount('error')).toBe(0)
  })
})
