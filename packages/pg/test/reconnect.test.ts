import net from 'node:net'
import { clock, Deadline, Gate, settingsOf } from '@reprise/core'
import pg from 'pg'
import { describe, expect, it, vi } from 'vitest'
import { heedTimers } from '../../../test/kit/fake-clock.ts'
import { freePort } from '../../../test/kit/free-port.ts'
import { Connection } from '../src/connection/connection.ts'
import type { PgClientClass } from '../src/connection/wire.ts'
import { sharedWith } from '../src/exchange/servers.ts'
import { reconnect } from '../src/link/reconnect.ts'
import { unreached } from '../src/link/unreached.ts'
import { announceWaiting } from '../src/link/waiting.ts'
import { failure, listen } from './support.ts'

describe('which server was not reached', () => {
  const at = { host: 'db', port: 5433 }
  it.each([
    ['deadline', { code: 'ECONNREFUSED' }, 'no connection to db:5433 (ECONNREFUSED)'],
    ['down', { code: '57P03' }, 'no connection to db:5433 (57P03)'],
    ['deadline', { code: 7 }, 'no connection to db:5433'],
    ['deadline', undefined, 'no connection to db:5433'],
    ['refused', { code: '28P01' }, 'refused by db:5433 (28P01)'],
    ['closed', undefined, undefined],
  ])('is told of %s, %o: %s', (reason, cause, told) => {
    expect(unreached(reason, at, cause)).toBe(told)
  })
})

describe('a server that is looked for through a gate of its own and one for what is wanted of it', () => {
  const never = { base: 2 ** 30, cap: 2 ** 30 }

  it.each([
    [1, true],
    [2, false],
  ])('makes one of them wait and not both, where there are no others (%s)', async (hosts, both) => {
    const outer = new Gate({}, never)
    const stops = await Promise.all(
      Array.from({ length: hosts }, async () => ({
        address: { host: '127.0.0.1', port: await freePort() },
        target: 'primary' as const,
        gate: new Gate({}, never),
      })),
    )
    const deadline = new Deadline(200)
    const search = {
      gate: outer,
      tryFor: 0,
      stops: async () => stops,
      make: ({ address }: (typeof stops)[number]) =>
        new Connection(pg.Client as unknown as PgClientClass, address, {
          connectionEnded: () => undefined,
        }),
      settle: async () => undefined,
    }
    await expect(reconnect(search, deadline)).rejects.toThrow('deadline')
    expect(outer.down).toBe(true)
    expect(outer.enterAtOnce() !== undefined).toBe(both)
    for (const { gate } of stops) expect(gate.down).toBe(true)
  })
  it('goes round the others at its own pace while somebody else tries one that is down', async ({
    onTestFinished,
  }) => {
    const longest = vi.spyOn(Math, 'random').mockReturnValue(1)
    onTestFinished(() => longest.mockRestore())
    const tried = new Gate({}, { base: 1, cap: 1 })
    tried.enterAtOnce()?.failed()
    expect(await tried.enter(new AbortController().signal)).toBeDefined()
    const [first, second] = [await freePort(), await freePort()]
    const made: number[] = []
    const search = {
      gate: new Gate({}, never),
      tryFor: 0,
      stops: async () => [
        { address: { host: '127.0.0.1', port: first }, target: 'primary' as const, gate: tried },
        {
          address: { host: '127.0.0.1', port: second },
          target: 'primary' as const,
          gate: undefined,
        },
      ],
      make: ({ address }: { address: { host: string; port: number } }) => {
        made.push(address.port)
        return new Connection(pg.Client as unknown as PgClientClass, address, {
          connectionEnded: () => undefined,
        })
      },
      settle: async () => undefined,
    }
    await expect(reconnect(search, new Deadline(400))).rejects.toThrow('deadline')
    expect(new Set(made)).toEqual(new Set([second]))
    expect(made.length).toBeLessThan(5)
  })
})

describe('whoever gives up', () => {
  const down = { base: 1, cap: 1 }
  const silent = (): Promise<net.Server> =>
    new Promise((resolve) => {
      const server = net.createServer((socket) => socket.on('error', () => undefined))
      server.listen(0, '127.0.0.1', () => resolve(server))
    })

  it.each([
    ['another', true, '57P03'],
    ['nobody', false, undefined],
  ])(
    'is told of every host, also where %s has heard of the last one',
    async (_who, heard, code) => {
      const server = await silent()
      const [first, last] = [await freePort(), (server.address() as net.AddressInfo).port]
      const outer = new Gate({}, down)
      ;(await outer.enter(new AbortController().signal)).failed(new Error('of one host'))
      const known = new Gate({}, down)
      if (heard) {
        const pass = await known.enter(new AbortController().signal)
        pass.failed(Object.assign(new Error('starting'), { code }))
      }
      const stops = [first, last].map((port) => ({
        address: { host: '127.0.0.1', port },
        target: 'any' as const,
        gate: port === last ? known : new Gate({}, down),
      }))
      const deadline = new Deadline(300)
      const search = {
        gate: outer,
        tryFor: 0,
        stops: async () => stops,
        make: ({ address }: (typeof stops)[number]) =>
          new Connection(pg.Client as unknown as PgClientClass, address, {
            connectionEnded: () => undefined,
          }),
        settle: async () => undefined,
      }
      const { cause } = await failure(reconnect(search, deadline))
      const end = code === undefined ? '' : ` (${code})`
      expect(unreached('deadline', { host: '127.0.0.1', port: first }, cause)).toBe(
        `no connection to 127.0.0.1:${first} (ECONNREFUSED), 127.0.0.1:${last}${end}`,
      )
      expect(cause).toMatchObject({ code: 'ECONNREFUSED' })
      server.close()
    },
  )
  it('is told of the hosts that he did not come to, too', async () => {
    const [server, other] = [await silent(), await freePort()]
    const { port } = server.address() as net.AddressInfo
    const known = new Gate({}, down)
    const pass = await known.enter(new AbortController().signal)
    pass.failed(Object.assign(new Error('full'), { code: '53300' }))
    const stops = [port, other].map((each) => ({
      address: { host: '127.0.0.1', port: each },
      target: 'any' as const,
      gate: each === other ? known : new Gate({}, down),
    }))
    const deadline = new Deadline(60_000)
    const search = {
      gate: new Gate({}, down),
      tryFor: 0,
      stops: async () => stops,
      make: ({ address }: (typeof stops)[number]) => {
        // His caller goes away while the first is looked at.
        clock.setImmediate(() => deadline.end('deadline'))
        return new Connection(pg.Client as unknown as PgClientClass, address, {
          connectionEnded: () => undefined,
        })
      },
      settle: async () => undefined,
    }
    const { cause } = await failure(reconnect(search, deadline))
    expect(unreached('deadline', { host: '127.0.0.1', port }, cause)).toBe(
      `no connection to 127.0.0.1:${port}, 127.0.0.1:${other} (53300)`,
    )
    server.close()
  })
})

describe('a session that waits for its server', () => {
  it.each([
    ['ECONNREFUSED', 'ECONNREFUSED'],
    [7, undefined],
    [undefined, undefined],
  ])(
    'says so after two seconds and every ten, with what is known (%s), until it waits no more',
    async (code, cause) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
      heedTimers()
      try {
        using told = listen('reprise:waiting')
        const settings = settingsOf({ backoff: { base: 1, cap: Number(code === 7) + 1 } })
        const address = { host: `waits-${code}`, port: 1 }
        const server = sharedWith(address, {}, settings)
        if (code !== undefined) {
          const pass = await server.gate.enter(new AbortController().signal)
          pass.failed(Object.assign(new Error('no'), { code }))
        }
        const from = {
          session: 1,
          host: 'db',
          port: 1,
          database: 'd',
          applicationName: undefined,
          poolName: undefined,
        }
        const deadline = new Deadline(30_000)
        const over = announceWaiting(
          () => from,
          () => server.gate,
          deadline,
          undefined,
        )
        vi.advanceTimersByTime(1999)
        expect(told.seen).toEqual([])
        vi.advanceTimersByTime(1)
        expect(told.seen).toEqual([{ ...from, cause, left: expect.any(Number) }])
        vi.advanceTimersByTime(10_000)
        expect(told.seen).toHaveLength(2)
        over()
        vi.advanceTimersByTime(10_000)
        expect(told.seen).toHaveLength(2)
        deadline.dispose()
      } finally {
        vi.useRealTimers()
        heedTimers()
      }
    },
  )
})
