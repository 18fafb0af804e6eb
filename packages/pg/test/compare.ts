import { reprise } from '@reprise/pg'
import pg from 'pg'
import { expect, inject, it } from 'vitest'
import { createDatabase as createDatabaseOn } from '../../../test/kit/index.ts'
import { pidOf } from './support.ts'

/** What a body is given: a client, and a place to note what it sees. */
export type Body = (client: pg.Client, note: (...seen: unknown[]) => void) => unknown

/** A database of one's own on the shared server. */
export const createDatabase = (): Promise<string> => createDatabaseOn(inject('serverUrl'))

/** Ends the backend of a client, and waits until it is gone. */
export async function kill(client: object): Promise<void> {
  const admin = new pg.Client({ connectionString: inject('serverUrl') })
  await admin.connect()
  await admin.query('SELECT pg_terminate_backend($1, 5000)', [pidOf(client)])
  await admin.end()
}

/** A session that is nobody's but the test's. */
export function sessionOn(config: pg.ClientConfig | string, options = {}): pg.Client {
  const { Client } = reprise({ backoff: { base: 1, cap: 20 }, ...options })
  return new Client(config)
}

/** What is heard when the same is done with a plain client and with a session. */
export async function both(
  config: pg.ClientConfig,
  body: Body,
): Promise<{ plain: unknown[]; session: unknown[] }> {
  return {
    plain: await heard(new pg.Client(config), body),
    session: await heard(sessionOn(config), body),
  }
}

async function heard(client: pg.Client, body: Body): Promise<unknown[]> {
  const seen: unknown[] = []
  client.on('error', (error) => seen.push(['error event', plainly(error)]))
  try {
    seen.push(['returned', plainly(await body(client, (...all) => seen.push(all.map(plainly))))])
  } catch (error) {
    seen.push(['threw', plainly(error)])
  }
  await client.end()
  return seen
}

/** Everything that a caller can see of a result or an error, as plain data. */
function plainly(value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, stack: _stack, ...own } = value
    return { ...own, name, message, class: value.constructor.name }
  }
  if (Array.isArray(value)) return value.map(plainly)
  const result = value as Partial<pg.QueryResult> | null | undefined
  if (typeof result !== 'object' || result === null || result.fields === undefined) return value
  const { command, rowCount, oid, rows, fields, rowAsArray } = result as pg.QueryResult & {
    rowAsArray: boolean
  }
  return {
    class: (value as object).constructor.name,
    command,
    rowCount,
    oid,
    rows,
    rowAsArray,
    fields: fields.map(({ name, dataTypeID, format }) => ({ name, dataTypeID, format })),
  }
}

/** What a promise was rejected with, or else its value. */
export function caught(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error) => error)
}

/** For what the types of pg do not allow, though pg does. */
export function weird(value: unknown): never {
  return value as never
}

/** Registers a test for each body: that a session behaves as a plain client. */
export function sameAsPlain(url: () => string, bodies: [string, Body][]): void {
  it.each(bodies)('%s: as with a plain client', async (_name, body) => {
    const { plain, session } = await both({ connectionString: url() }, body)
    expect(session).toEqual(plain)
  })
}

/** The same for bodies that want a client which is connected. */
export function connected(bodies: [string, Body][]): [string, Body][] {
  return bodies.map(([name, body]) => [
    name,
    async (client, note) => {
      await client.connect()
      return body(client, note)
    },
  ])
}
