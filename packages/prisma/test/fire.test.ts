import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { adminName, outcomeOf, seeded } from '../../../test/kit/index.ts'
import { rerunnable } from '../src/index.ts'
import { Proxied } from './shop/proxied.ts'
import { type Client, Shop } from './shop/shop.ts'

/** How long each fire burns, in seconds. */
const seconds = Number(process.env.REPRISE_FIRE_SECONDS ?? 3)

let shop: Shop
beforeAll(async () => {
  shop = await Shop.create(inject('serverUrl'))
})
beforeEach(() => shop.refill())
afterAll(() => shop?.close())

const data = (token: string, accountId: number): object => ({ token, amount: 1, accountId })
const add = (id: number): object => ({ where: { id }, data: { balance: { increment: 1 } } })

/** Ways to book one entry with a serial number, and to add it to its account. */
const bookings: readonly ((prisma: Client, token: string, id: number) => Promise<unknown>)[] = [
  (prisma, token, id) =>
    prisma.$transaction(
      rerunnable(async (tx) => {
        await tx.account.findUnique({ where: { id } })
        await tx.entry.create({ data: data(token, id) })
        await tx.account.update(add(id))
      }),
      { maxWait: 30_000, timeout: 30_000 },
    ),
  (prisma, token, id) =>
    prisma.$transaction(
      [prisma.entry.create({ data: data(token, id) }), prisma.account.update(add(id))],
      { maxWait: 30_000, timeout: 30_000 },
    ),
  (prisma, token, id) =>
    prisma.account.update({
      where: { id },
      data: { balance: { increment: 1 }, entries: { create: { token, amount: 1 } } },
    }),
  (prisma, token, id) =>
    prisma.$executeRaw`with booked as (
      insert into entry (token, amount, "accountId") values (${token}, 1, ${id})
    ) update account set balance = balance + 1 where id = ${id}`,
]

/** Kills a random backend. */
async function kill(random: () => number): Promise<void> {
  await shop.sql(
    `select pg_terminate_backend(pid) from (
       select pid from pg_stat_activity
        where datname = current_database() and application_name <> $2
          and backend_type = 'client backend'
        order by pid offset floor($1::float8 * 8)::int limit 1
     ) one`,
    [random(), adminName],
  )
}

/** Resets a random connection, or loses what the server still has to say on it. */
async function cut(random: () => number, { proxy }: Proxied): Promise<void> {
  const { connections } = proxy
  const victim = connections[Math.floor(random() * connections.length)]
  if (victim === undefined) return
  if (random() < 0.5) {
    victim.reset()
    return
  }
  const forget = proxy.onFrame(({ connection, from }) => {
    if (connection !== victim.id || from === 'server') return 'pass'
    forget()
    return 'swallow'
  })
}

describe.each([
  ['kills', kill, false],
  ['cuts', cut, false],
  ['cuts, with exactlyOnce', cut, true],
])('under %s', (name, fault, exactlyOnce) => {
  test('no booking is lost, none is made twice, nothing hangs', {
    timeout: seconds * 1000 + 60_000,
  }, async () => {
    const proxied = await Proxied.open(shop, { exactlyOnce }, 8)
    const random = seeded(11)
    const told = new Map<string, unknown>()
    const until = performance.now() + seconds * 1000
    const burning = (): boolean => performance.now() < until
    let faults = 0
    const arson = async (): Promise<void> => {
      for (; burning(); faults += 1) {
        await sleep(25 + random() * 50)
        await fault(random, proxied)
      }
    }
    const worker = async (): Promise<void> => {
      while (burning()) {
        const token = randomUUID()
        const book = bookings[Math.floor(random() * bookings.length)] as (typeof bookings)[number]
        told.set(token, 'begun')
        await book(proxied.client, token, 1 + Math.floor(random() * 10)).then(
          () => told.set(token, 'done'),
          (error) => told.set(token, error),
        )
      }
    }
    await Promise.all([arson(), ...Array.from({ length: 8 }, worker)])
    await proxied.close()

    const rows = await shop.sql(
      `select token, count(*)::int as n from entry where token <> 'old' group by token`,
    )
    const times = new Map<string, number>(rows.map(({ token, n }) => [token, n]))
    const errors: unknown[] = []
    for (const [token, word] of told) {
      const n = times.get(token) ?? 0
      if (word === 'done') expect(n, token).toBe(1)
      else {
        errors.push(word)
        const outcome = outcomeOf(word)
        expect(['rolled-back', 'not-sent', 'in-doubt'], String(word)).toContain(outcome)
        if (outcome === 'in-doubt') expect(n).toBeLessThan(2)
        else expect(n).toBe(0)
      }
    }
    const wrong = await shop.sql(`select * from account where balance <> 1000 + (
      select coalesce(sum(amount), 0) from entry where "accountId" = account.id)`)
    expect(wrong).toEqual([])
    // Without exactlyOnce, a doubt remains where the network swallowed the only word of a commit.
    // What Prisma has sent of another's in the same tick counts for a callback that then diverges.
    const own = errors.filter((error) => (error as { reason?: unknown }).reason !== 'in-parts')
    if (name !== 'cuts') expect(own).toEqual([])
    const doubts = errors.filter((error) => outcomeOf(error) === 'in-doubt').length
    process.stdout.write(
      `${name}: ${faults} faults in ${seconds} s, ${told.size} bookings, ${errors.length} errors, of which ${doubts} in doubt\n`,
    )
  })
})
