import { once } from 'node:events'
import fc from 'fast-check'
import type pg from 'pg'
import { from } from 'pg-copy-streams'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Action, type Frame, Proxy, Server } from '../../../test/kit/index.ts'
import { FrameScan } from '../src/client/frame-scan.ts'
import type { Wire } from '../src/connection/wire.ts'
import { failure, pidOf, poolOn } from './support.ts'

let server: Server
let proxy: Proxy
beforeAll(async () => {
  server = await Server.start()
  proxy = await Proxy.start(server)
  await server.sql('CREATE TABLE line (x text)')
})
afterAll(async () => {
  await proxy.close()
  await server.dispose()
})

type Copy = (client: pg.PoolClient) => ReturnType<typeof from>

const whole: Copy = (client) => client.query(from('COPY line FROM STDIN')).end('a\n')

/** Has a row to send, and more to come: such a caller is not waited for by anybody. */
const begun: Copy = (client) => {
  const stream = client.query(from('COPY line FROM STDIN'))
  stream.write('a\n')
  return stream
}

/** Copies, the frame that a fault comes at, and what is known then. */
const copies: [string, Copy, string, Action[], string][] = [
  ['its first row', begun, 'd', ['cut', 'reset', 'pass-then-reset'], 'rolled-back'],
  ['the end of its rows', whole, 'c', ['cut', 'reset', 'freeze', 'pass-then-reset'], 'in-doubt'],
  ['the question for its rows', whole, 'G', ['cut', 'reset', 'freeze'], 'in-doubt'],
  ['its answer', whole, 'C', ['cut', 'reset', 'freeze'], 'in-doubt'],
]

describe.each(copies)('a COPY lost at %s', (_, copy, at, faults, outcome) => {
  it.each(faults)(`(%s) is ${outcome}`, async (fault) => {
    const pool = poolOn(proxy.url(server.url), { probeAfter: 30 })
    const client = await pool.connect()
    await client.query('SELECT 1')
    let hits = 0
    // A probe that looks after it has answers of its own.
    const isIt = ({ type, text }: Frame): boolean =>
      type === at && (type !== 'C' || text.startsWith('COPY'))
    const forget = proxy.onFrame((frame) => (isIt(frame) && hits++ === 0 ? fault : 'pass'))
    const stream = copy(client)
    const error = await failure(once(stream, 'finish'))
    expect(error).toMatchObject({ outcome, condition: 'connection_failure' })
    forget()
    client.release()
    await pool.end()
  })
})

it('a COPY of whose text the server may make several statements is in doubt', async () => {
  const pool = poolOn(proxy.url(server.url))
  const client = await pool.connect()
  await client.query('SET standard_conforming_strings = off')
  const forget = proxy.onFrame(({ type }) => (type === 'd' ? 'reset' : 'pass'))
  const stream = client.query(from(String.raw`COPY line FROM STDIN WITH (NULL 'a\'b')`))
  stream.write('a\n')
  expect(await failure(once(stream, 'finish'))).toMatchObject({ outcome: 'in-doubt' })
  forget()
  client.release()
  await pool.end()
})

it('a COPY whose backend is killed among its rows is rolled-back', async () => {
  const pool = poolOn(server.url)
  const client = await pool.connect()
  const count = 'SELECT count(*) FROM line'
  const { rows } = await client.query(count)
  const stream = begun(client)
  await new Promise((resolve) => stream.write('b\n', resolve))
  server.sigkill(pidOf(client))
  expect(await failure(once(stream, 'finish'))).toMatchObject({ outcome: 'rolled-back' })
  expect((await client.query(count)).rows).toEqual(rows)
  client.release()
  await pool.end()
})

it('frames are told apart however they are split', () => {
  const frame = fc.record({
    type: fc.constantFrom(...'dcfQXS'),
    body: fc.uint8Array({ maxLength: 20 }),
  })
  const splits = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(fc.array(frame), splits, (frames, lengths) => {
      const bytes = Buffer.concat(
        frames.map(({ type, body }) => {
          const head = Buffer.alloc(5)
          head.write(type)
          head.writeInt32BE(body.length + 4, 1)
          return Buffer.concat([head, body])
        }),
      )
      const written: Buffer[] = []
      const socket = { write: (piece: Buffer) => written.push(piece) }
      const scan = new FrameScan(socket as unknown as Wire['stream'])
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const length = lengths[i % lengths.length] as number
        socket.write(bytes.subarray(at, at + length))
        at += length
      }
      for (const type of 'dcfQXS') {
        const is = frames.some((each) => each.type === type)
        expect(scan.has(type.charCodeAt(0))).toBe(is)
      }
      expect(Buffer.concat(written)).toEqual(bytes)
      scan.end()
      socket.write(Buffer.from('K'))
      expect(scan.has('K'.charCodeAt(0))).toBe(false)
    }),
  )
})

it('what is no frame may have been any', () => {
  for (const odd of [Buffer.from('d\0\0\0\x01'), 'd\0\0\0\x04']) {
    const socket = { write: () => true }
    const scan = new FrameScan(socket as unknown as Wire['stream'])
    Reflect.apply(socket.write, socket, [odd])
    expect(scan.has('c'.charCodeAt(0))).toBe(true)
  }
})
