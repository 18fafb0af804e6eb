import { once } from 'node:events'
import net from 'node:net'
import { describe, expect, it } from 'vitest'
import { authenticationOk, fatal, type Peer, Server, until } from '../../../test/kit/index.ts'
import { Backend, greeting, instead } from './backend.ts'
import { failure, listen, poolOn } from './support.ts'

/** A pause that no test waits for. */
const endless = { base: 2 ** 30, cap: 2 ** 30 }

describe('a server that is down', () => {
  const lost = { 'SELECT 1': instead(fatal('57P01', 'ProcessInterrupts')) }

  it.each([
    ['closed', instead()],
    ['reset', async (peer: Peer) => peer.reset()],
  ])(
    'is asked again soon where the socket is %s without a word, whatever the backoff',
    async (_how, fault) => {
      await using backend = await Backend.start([lost, { '': fault }])
      const pool = poolOn(backend.url, { backoff: endless })
      expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
      expect(backend.fake.connections).toBe(3)
      await pool.end()
    },
  )
  it('is lost once, and not by each socket that a balancer without a server closes', async () => {
    await using backend = await Backend.start([lost])
    let comers = 0
    const balancer = net.createServer((socket) => {
      socket.on('error', () => {})
      comers += 1
      if (comers > 1 && comers < 6) socket.end()
      else socket.pipe(net.connect(Number(new URL(backend.url).port), '127.0.0.1')).pipe(socket)
    })
    balancer.listen(0, '127.0.0.1')
    await once(balancer, 'listening')
    const url = new URL(backend.url)
    url.port = String((balancer.address() as net.AddressInfo).port)
    using losses = listen('reprise:loss')
    const pool = poolOn(url.href)
    expect((await pool.query('SELECT 1')).rows).toEqual([{ a: '1' }])
    expect(comers).toBe(6)
    const ours = losses.seen.filter(({ port }) => port === Number(url.port))
    expect(ours).toMatchObject([{ condition: 'admin_shutdown' }])
    await pool.end()
    balancer.close()
  })
  it('is asked again soon where nobody listens, whatever the backoff', async () => {
    await using own = await Server.start()
    // A server that starts would say so, and is asked no sooner than the backoff says.
    const way = new Set<net.Socket>()
    const open = async (port: number): Promise<net.Server> => {
      const relay = net.createServer((socket) => {
        const server = net.connect(own.port, '127.0.0.1')
        for (const end of [socket, server]) way.add(end.on('error', () => undefined))
        socket.pipe(server).pipe(socket)
      })
      relay.listen(port, '127.0.0.1')
      await once(relay, 'listening')
      return relay
    }
    const first = await open(0)
    const url = new URL(own.url)
    const { port } = first.address() as net.AddressInfo
    url.port = String(port)
    const pool = poolOn(url.href, { backoff: endless })
    await pool.query('SELECT 1')
    using losses = listen('reprise:loss')
    first.close()
    for (const socket of way) socket.destroy()
    await until(() => losses.seen.some((loss) => loss.port === port))
    const waits = pool.query('SELECT 1 AS one')
    const second = await open(port)
    expect((await waits).rows).toEqual([{ one: 1 }])
    await pool.end()
    second.close()
  })
  it.each([
    ['is starting', greeting(fatal('57P03', 'ProcessStartupPacket'))],
    ['is full', greeting(fatal('53300', 'InitProcess', { file: 'proc.c' }))],
    ['goes away while it greets', greeting(authenticationOk)],
  ])('and %s is asked no more often than the backoff says', async (_what, fault) => {
    await using backend = await Backend.start([lost, { '': fault }])
    const pool = poolOn(backend.url, { backoff: endless, deadline: 600 })
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ reason: 'deadline' })
    expect(backend.fake.connections).toBe(2)
    await pool.end()
  })
})
