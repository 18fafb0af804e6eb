// biome-ignore-all lint/suspicious/noShadowRestrictedNames: the kit's Proxy, not JavaScript's
import { once as nextEvent } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Action, type Frame, Proxy, Server, until } from '../kit/index.ts'
import { ObservedClient } from './observed-client.ts'

let server: Server
let database: string
let proxy: Proxy
let client: ObservedClient

beforeAll(async () => {
  server = await Server.start()
  database = await server.createDatabase()
  const direct = await ObservedClient.open(database)
  await direct.query('create table note (id int)')
  await direct.end()
})
afterAll(() => server.dispose())
beforeEach(async () => {
  proxy = await Proxy.start(server)
  client = await ObservedClient.open(proxy.url(database))
  proxy.counts.reset()
  return async () => {
    await proxy.close()
    const direct = await ObservedClient.open(database)
    await direct.query('truncate note')
    await direct.end()
  }
})

/** Applies an action to the first frame that fits, once. */
function once(action: Action, fits: (frame: Frame) => boolean): void {
  const off = proxy.onFrame((frame) => {
    if (!fits(frame)) return
    off()
    return action
  })
}

const insert = 'insert into note values (1)'
const inserting = (frame: Frame) => frame.text === insert
const tag = (frame: Frame) => frame.from === 'server' && frame.text === 'INSERT 0 1'

async function notes(): Promise<number> {
  const direct = await ObservedClient.open(database)
  const { rows } = await direct.query('select count(*)::int as count from note')
  await direct.end()
  return rows[0].count
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'none',
    (error) => error.code ?? error.message,
  )
const terminated = 'Connection terminated unexpectedly'

describe('counting', () => {
  test('a flight is a round trip, however many frames it has', async () => {
    await client.query('select 1')
    expect(proxy.counts).toMatchObject({ flights: 1, frames: 5 })
    await client.query('select $1::int', [1])
    expect(proxy.counts).toMatchObject({ flights: 2, frames: 5 + 5 + 6 })
    for (const text of ['begin', insert, 'commit']) await client.query(text)
    expect(proxy.counts.flights).toBe(5)
    proxy.counts.reset()
    await client.end()
    await until(() => proxy.connections.length === 0)
    expect(proxy.counts).toMatchObject({ flights: 0, frames: 1 })
  })

  test('frames are whole, in order, numbered, and have their text', async () => {
    const frames: Frame[] = []
    proxy.onFrame((frame) => {
      frames.push(frame)
    })
    const long = 'x'.repeat(300_000)
    const { rows } = await client.query('select $1::text as long', [long])
    expect(rows).toEqual([{ long }])
    expect(frames.map(({ from, type }) => `${from} ${type}`)).toEqual([
      ...['P', 'B', 'D', 'E', 'S'].map((type) => `client ${type}`),
      ...['1', '2', 'T', 'D', 'C', 'Z'].map((type) => `server ${type}`),
    ])
    expect(frames[0]).toMatchObject({ connection: 1, index: 1, text: 'select $1::text as long' })
    expect(frames.at(-2)).toMatchObject({ text: 'SELECT 1' })
    expect(frames[1]?.length).toBeGreaterThan(300_000)
    expect(frames.slice(1, 5).map(({ index }) => index)).toEqual([2, 3, 4, 5])
  })

  test('the first frames have no letter', async () => {
    const types: string[] = []
    proxy.onFrame(({ type, from }) => {
      types.push(`${from} ${type}`)
    })
    const encrypted = new pg.Client({ connectionString: proxy.url(database), ssl: true })
    await expect(encrypted.connect()).rejects.toThrow('does not support SSL')
    expect(types).toEqual(['client ssl', 'server ssl'])
    types.length = 0
    const other = await ObservedClient.open(proxy.url(database))
    expect(types.slice(0, 2)).toEqual(['client startup', 'server R'])
    await other.end()
  })

  test('a cancel request goes through', async () => {
    const sleeping = codeOf(client.query('select pg_sleep(600)'))
    const asleep = () => server.sql(`select 1 from pg_stat_activity where wait_event = 'PgSleep'`)
    await until(async () => (await asleep()).length)
    const types: string[] = []
    proxy.onFrame(({ type }) => {
      types.push(type)
    })
    const { processID, secretKey } = client as unknown as Record<string, number>
    const request = Buffer.alloc(16)
    for (const [at, word] of [16, 80877102, processID, secretKey].entries()) {
      request.writeInt32BE(Number(word), at * 4)
    }
    connect(proxy.port, '127.0.0.1').end(request)
    expect(await sleeping).toBe('57014')
    expect(types[0]).toBe('cancel')
  })
})

describe('encryption', () => {
  const sslRequest = Buffer.of(0, 0, 0, 8, 4, 210, 22, 47)

  // Says S to the request, and then sends back whatever it gets.
  async function echo(): Promise<{ host: string; port: number; close(): void }> {
    const listening = createServer((socket) => {
      socket.once('data', (first) => {
        socket.write(first.equals(sslRequest) ? 'S' : first)
        socket.pipe(socket)
      })
    })
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
    const { port } = listening.address() as AddressInfo
    return { host: '127.0.0.1', port, close: () => listening.close() }
  }

  async function exchange(pieces: Buffer[]): Promise<{ back: Buffer[]; types: Set<string> }> {
    const target = await echo()
    await using through = await Proxy.start(target)
    const types = new Set<string>()
    through.onFrame(({ from, type }) => {
      types.add(`${from} ${type}`)
    })
    const socket = connect(through.port, '127.0.0.1')
    const back: Buffer[] = []
    for (const piece of pieces) {
      socket.write(piece)
      const [chunk] = await nextEvent(socket, 'data')
      back.push(chunk)
    }
    socket.destroy()
    target.close()
    return { back, types }
  }

  test('what is encrypted passes as it is', async () => {
    const hello = Buffer.of(0x16, 3, 1, 0, 1, 0xff)
    const { back, types } = await exchange([sslRequest, hello, Buffer.of(0x17, 9)])
    expect(back).toEqual([Buffer.from('S'), hello, Buffer.of(0x17, 9)])
    expect([...types]).toEqual(['client ssl', 'server ssl', 'client opaque', 'server opaque'])
  })

  test('also where the client does not ask first', async () => {
    const hello = Buffer.of(0x16, 3, 1, 0, 1, 0xff)
    const { back, types } = await exchange([hello, Buffer.of(0x17, 9)])
    expect(back).toEqual([hello, Buffer.of(0x17, 9)])
    expect([...types]).toEqual(['client opaque', 'server opaque'])
  })
})

describe('actions', () => {
  test('pass, and nothing at all', async () => {
    proxy.onFrame(() => 'pass')
    proxy.onFrame(async () => {})
    await client.query(insert)
    expect(await notes()).toBe(1)
  })

  test('drop loses one frame', async () => {
    once('drop', (frame) => frame.from === 'server' && frame.type === 'D')
    expect((await client.query('select n from generate_series(1, 3) n')).rows).toEqual([
      { n: 2 },
      { n: 3 },
    ])
  })

  test('hold keeps a frame and all behind it until resume', async () => {
    once('hold', inserting)
    const inserted = client.query(insert)
    await until(() => proxy.counts.frames === 1)
    expect(await notes()).toBe(0)
    proxy.connections[0]?.resume()
    await inserted
    expect(await notes()).toBe(1)
  })

  test('hold of an answer leaves the other direction alone', async () => {
    once('hold', tag)
    const inserted = client.query(insert)
    await until(async () => (await notes()) === 1)
    proxy.connections[0]?.resume()
    expect((await inserted).rowCount).toBe(1)
  })

  test.each([
    ['cut', terminated],
    ['reset', 'ECONNRESET'],
  ] as const)('%s of a question: it never arrives', async (action, code) => {
    once(action, inserting)
    expect(await codeOf(client.query(insert))).toBe(code)
    await client.over
    expect(proxy.connections).toEqual([])
    await untilBackendsGone()
    expect(await notes()).toBe(0)
  })

  test.each([
    ['cut', terminated],
    ['reset', 'ECONNRESET'],
  ] as const)('%s of an answer: it was done all the same', async (action, code) => {
    const seen: unknown[] = []
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter }
    connection.on('rowDescription', () => seen.push('T'))
    once(action, tag)
    expect(await codeOf(client.query(`${insert} returning id`))).toBe(code)
    await untilBackendsGone()
    expect(await notes()).toBe(1)
    // What stood before the frame was delivered.
    expect(seen).toEqual(['T'])
  })

  test.each([
    ['pass-then-cut', terminated],
    ['pass-then-reset', 'ECONNRESET'],
  ] as const)('%s of a question: it is done, and nobody hears of it', async (action, code) => {
    once(action, inserting)
    expect(await codeOf(client.query(insert))).toBe(code)
    await until(async () => (await notes()) === 1)
  })

  test.each(['pass-then-cut', 'pass-then-reset'] as const)(
    '%s of the last frame of an answer: it is heard, and then all is over',
    async (action) => {
      once(action, (frame) => frame.from === 'server' && frame.type === 'Z')
      expect((await client.query(insert)).rowCount).toBe(1)
      await client.over
      expect(await notes()).toBe(1)
    },
  )

  test('freeze lets nothing pass, not even an end, until thaw', async () => {
    once('freeze', inserting)
    const inserted = codeOf(client.query(insert))
    await until(() => proxy.counts.frames === 1)
    const [{ pid } = { pid: 0 }] = await backends()
    await server.terminate(Number(pid))
    await untilBackendsGone()
    expect(client.codes).toEqual([])
    expect(await notes()).toBe(0)
    proxy.connections[0]?.thaw()
    expect(await inserted).toBe('57P01')
  })

  test('a thawed connection goes on', async () => {
    once('freeze', tag)
    const inserted = client.query(insert)
    await until(async () => (await notes()) === 1)
    proxy.connections[0]?.thaw()
    expect((await inserted).rowCount).toBe(1)
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('swallow: it is done, the whole answer is lost, then the client is reset', async () => {
    const types: string[] = []
    proxy.onFrame(({ from, type }) => {
      if (from === 'server') types.push(type)
    })
    once('swallow', inserting)
    expect(await codeOf(client.query(insert))).toBe('ECONNRESET')
    expect(types).toEqual(['C', 'Z'])
    expect(await notes()).toBe(1)
  })

  test('swallow where the server ends instead', async () => {
    once('swallow', (frame) => frame.text.includes('pg_terminate'))
    const query = client.query('select pg_terminate_backend(pg_backend_pid())')
    expect(await codeOf(query)).toBe('ECONNRESET')
  })

  test('a promise is waited for, and its order kept', async () => {
    proxy.onFrame(async ({ type }): Promise<Action> => {
      for (let i = 0; type === 'P' && i < 10; i++) await new Promise(setImmediate)
      return 'pass'
    })
    const { rows } = await client.query('select $1::int as a, $2::int as b', [1, 2])
    expect(rows).toEqual([{ a: 1, b: 2 }])
  })
})

describe('from outside', () => {
  test.each(['cut', 'reset'] as const)('a connection can be %s at any time', async (how) => {
    proxy.connections[0]?.[how]()
    await client.over
    expect(client.codes).toContain(how === 'cut' ? undefined : 'ECONNRESET')
    await untilBackendsGone()
  })

  test('refuse resets new connections only', async () => {
    proxy.refuse(true)
    expect(await codeOf(ObservedClient.open(proxy.url(database)))).toBe('ECONNRESET')
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    proxy.refuse(false)
    await (await ObservedClient.open(proxy.url(database))).end()
  })

  test('a server that is down, or terminates, is felt behind the proxy', async () => {
    await server.stop('fast')
    await client.over
    expect(client.codes).toContain('57P01')
    expect(await codeOf(ObservedClient.open(proxy.url(database)))).toBe('ECONNRESET')
    await server.start()
  })

  test('close ends everything', async () => {
    await proxy.close()
    await client.over
    expect(await codeOf(ObservedClient.open(proxy.url(database)))).toBe('ECONNREFUSED')
    await proxy.close()
  })
})

function backends(): Promise<Record<string, unknown>[]> {
  const name = decodeURIComponent(new URL(database).pathname.slice(1))
  return server.sql('select pid from pg_stat_activity where datname = $1', [name])
}

async function untilBackendsGone(): Promise<void> {
  await until(async () => (await backends()).length === 0, { what: 'the backends to be gone' })
}
