import { setTimeout as sleep } from 'node:timers/promises'
import { diagnose, rerunnable } from '@reprise/kysely'
import type { Transaction } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Killer, Ledger, Proxy as Network, Server, until } from '../../../test/kit/index.ts'
import { full, type Opened, plain } from './doors.ts'
import { type Order, transferred } from './transfer.ts'

/** How long each torture lasts, in seconds. */
const seconds = Number(process.env.REPRISE_SECONDS ?? 3)
const workers = 8

let server: Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.dispose())

/** What happens to the server or the network, until the signal is aborted. */
type Fault = (context: { url: string; proxy: Network }, signal: AbortSignal) => Promise<unknown>

const faults: Record<string, Fault> = {
  async 'backends are killed'({ url }, signal) {
    const killer = new Killer(server, { everyMs: 50, database: url })
    killer.start()
    await until(() => signal.aborted, { timeoutMs: 1000 * seconds + 60_000 })
    return { kills: await killer.stop() }
  },
  async 'connections are cut'({ proxy }, signal) {
    let cuts = 0
    let due = false
    const deaf = proxy.onFrame(({ type }) => {
      if (!due || type === undefined) return 'pass'
      due = false
      cuts++
      return cuts % 2 === 0 ? 'reset' : 'cut'
    })
    while (!signal.aborted) {
      due = true
      await sleep(100 + Math.random() * 50)
    }
    deaf()
    return { cuts }
  },
  async 'the server is restarted'(_, signal) {
    let restarts = 0
    while (!signal.aborted) {
      await server.restart(restarts++ % 2 === 0 ? 'fast' : 'immediate')
      await sleep(700)
    }
    return { restarts }
  },
}

describe.each([
  ['reprise(), callbacks that read and may be run again', full, true],
  ['ReprisePlugin, callbacks that only write', plain, false],
] as const)('%s', (_, open, reads) => {
  test.each(Object.entries(faults))(
    'nothing is lost, doubled or stuck while %s',
    async (name, fault) => {
      const url = await server.createDatabase()
      const ledger = await Ledger.create(server, url, { accounts: 10 })
      const proxy = await Network.start(server)
      const opened = open({ url: proxy.url(url), max: workers }, { exactlyOnce: true })
      const done = new AbortController()
      const harm = fault({ url, proxy }, done.signal)
      const stop = performance.now() + 1000 * seconds
      const told: unknown[] = []
      let made = 0
      const work = async (): Promise<void> => {
        while (performance.now() < stop) {
          const order: Order = { token: crypto.randomUUID(), ...pair(), amount: 1 }
          try {
            await transfer(opened, order, reads)
            ledger.acknowledged(order.token)
            made++
          } catch (error) {
            ledger.rejected(order.token, error)
            const diagnosis = diagnose(error)
            if (diagnosis === undefined) throw error
            told.push(diagnosis)
          }
        }
      }
      await Promise.all(Array.from({ length: workers }, work))
      done.abort()
      const harmed = await harm
      const { pool, db } = opened
      await until(() => pool.idleCount === pool.totalCount && pool.waitingCount === 0)
      const clients = pool.totalCount
      await db.destroy()
      await proxy.close()
      const audit = await ledger.audit()
      if (process.env.REPRISE_SECONDS !== undefined) {
        const figures = { name, reads, made, ...(harmed as object), clients, ...audit, told }
        process.stdout.write(`${JSON.stringify(figures)}\n`)
      }
      expect(audit).toMatchObject({
        lost: 0,
        duplicated: 0,
        appliedThoughRejected: { dishonest: 0 },
        unreported: 0,
        sumKept: true,
        explained: true,
      })
      expect(audit.rejected).toBeLessThanOrEqual(made / 100)
      expect(made).toBeGreaterThan(10)
      expect(clients).toBeLessThanOrEqual(workers)
    },
    1000 * seconds + 120_000,
  )
})

async function transfer({ db }: Opened, order: Order, reads: boolean): Promise<void> {
  if (order.source === order.target) {
    await transferred(db as never, order)
    return
  }
  const callback = async (trx: Transaction<never>) => {
    await transferred(trx as never, order, reads)
  }
  await db.transaction().execute((reads ? rerunnable(callback) : callback) as never)
}

/** Now and then both are the same: then nothing moves, and one row is written in autocommit. */
function pair(): { source: number; target: number } {
  const some = () => 1 + Math.floor(Math.random() * 10)
  return { source: some(), target: some() }
}
