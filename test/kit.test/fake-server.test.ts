// biome-ignore-all lint/suspicious/noShadowRestrictedNames: the kit's Proxy, not JavaScript's
import { describe, expect, test } from 'vitest'
import {
  bindComplete,
  commandComplete,
  copyInResponse,
  dataRow,
  errorResponse,
  FakeServer,
  fatal,
  noData,
  noticeResponse,
  notificationResponse,
  Proxy,
  parseComplete,
  readyForQuery,
  rowDescription,
  type Script,
} from '../kit/index.ts'
import { ObservedClient } from './observed-client.ts'

const answer = [
  parseComplete,
  bindComplete,
  rowDescription(['name', { name: 'age', oid: 23 }]),
  noticeResponse({ S: 'HINWEIS', V: 'NOTICE', C: '00000', M: 'so nebenbei' }),
  dataRow(['Ada', '36']),
  dataRow(['Grüße', null]),
  commandComplete('SELECT 2'),
  readyForQuery('I'),
]
const rows = [
  { name: 'Ada', age: 36 },
  { name: 'Grüße', age: null },
]

const chunkedBy =
  (size: number): Script =>
  async (peer) => {
    peer.chunked(size)
    await peer.startup()
    await peer.readUntilSync()
    await peer.send(...answer)
    await peer.readUntilSync()
    await peer.send(fatal('57P01', 'ProcessInterrupts'))
  }

async function expectAnswers(url: string): Promise<void> {
  const client = await ObservedClient.open(url)
  expect((await client.query('select $1', ['x'])).rows).toEqual(rows)
  expect(client.notices).toEqual(['00000'])
  await expect(client.query('select 2')).rejects.toMatchObject({
    code: '57P01',
    severity: 'FATAL',
    routine: 'ProcessInterrupts',
    file: 'postgres.c',
  })
  await client.over
}

describe('a plain client understands it', () => {
  // Every length up to the whole answer splits it at every byte at least once.
  const sizes = Array.from({ length: Buffer.concat(answer).length }, (_, i) => i + 1)

  test('with its frames split at every byte', async () => {
    for (const size of sizes) {
      await using server = await FakeServer.start(chunkedBy(size))
      await expectAnswers(server.url)
      expect(server.connections).toBe(1)
    }
  })

  test('through a proxy, which puts the frames together', async () => {
    for (const size of [1, 2, 3, 7, 40]) {
      await using server = await FakeServer.start(chunkedBy(size))
      await using proxy = await Proxy.start({ host: '127.0.0.1', port: server.port })
      const types: string[] = []
      proxy.onFrame((frame) => {
        if (frame.from === 'server') types.push(frame.type)
      })
      await expectAnswers(proxy.url(server.url))
      expect(types.join('')).toBe('RSSSSKZ12TNDDCZE')
    }
  })
})

describe('a script', () => {
  test('reads what the client sends', async () => {
    const heard: string[] = []
    await using server = await FakeServer.start(async (peer) => {
      await peer.startup()
      for (const frame of await peer.readUntilSync()) heard.push(`${frame.type} ${frame.text}`)
      await peer.send(parseComplete, bindComplete, noData, commandComplete('INSERT 0 1'))
      await peer.send(readyForQuery('I'))
      const [query] = await peer.readUntilSync()
      heard.push(query?.text ?? '')
      await peer.send(commandComplete('BEGIN'), readyForQuery('T'))
      heard.push((await peer.read()).type)
    })
    const client = await ObservedClient.open(server.url)
    expect((await client.query('insert $1', [1])).rowCount).toBe(1)
    expect((await client.query('begin')).command).toBe('BEGIN')
    await client.end()
    expect(heard).toEqual(['P insert $1', 'B ', 'D ', 'E ', 'S ', 'begin', 'X'])
  })

  test('can play a different role on each connection', async () => {
    await using server = await FakeServer.start(async (peer) => {
      if (peer.number === 1) return peer.reset()
      if (peer.number === 2) return peer.send(fatal('57P03', 'ProcessStartupPacket'))
      if (peer.number === 3) return peer.end()
      await peer.startup()
      await peer.hang()
    })
    const attempt = () => ObservedClient.open(server.url)
    await expect(attempt()).rejects.toMatchObject({ code: 'ECONNRESET' })
    await expect(attempt()).rejects.toMatchObject({ code: '57P03' })
    await expect(attempt()).rejects.toThrow('Connection terminated unexpectedly')
    await (await attempt()).end()
    expect(server.connections).toBe(4)
  })

  test('can leave out what it likes, and speak any language', async () => {
    await using server = await FakeServer.start(async (peer) => {
      await peer.startup()
      await peer.readUntilSync()
      const without = ['V', 'F', 'L', 'R']
      const pooler = fatal('08P01', '', { localised: 'ВАЖНО', message: 'всё', without })
      await peer.send(notificationResponse(1, 'c', 'p'), errorResponse({}), pooler)
    })
    const client = await ObservedClient.open(server.url)
    const heard: unknown[] = []
    client.on('notification', ({ channel, payload }) => heard.push(channel, payload))
    const error = await client.query('select 1').catch((cause) => cause)
    expect(error.code).toBeUndefined()
    await client.over
    expect(heard).toEqual(['c', 'p'])
    expect(client.codes).toContain('08P01')
  })

  test('that makes a mistake fails at close; one whose client leaves does not', async () => {
    const wrong = await FakeServer.start(async () => {
      throw new Error('a mistake')
    })
    await ObservedClient.open(wrong.url).catch(() => {})
    await expect(wrong.close()).rejects.toThrow('a mistake')
    let ended: () => void = () => {}
    const left = new Promise<void>((resolve) => {
      ended = resolve
    })
    const patient = await FakeServer.start(async (peer) => {
      await peer.startup()
      await peer.read()
      await peer.read().finally(ended)
    })
    await (await ObservedClient.open(patient.url)).end()
    await left
    await patient.close()
  })

  test('can ask for a COPY', () => {
    expect([...copyInResponse(2)]).toEqual([71, 0, 0, 0, 11, 0, 0, 2, 0, 0, 0, 0])
  })
})
