import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { heedTimers } from '../../../test/kit/fake-clock.ts'
import type { Connection } from '../src/connection/connection.ts'
import { watch } from '../src/link/watch.ts'

/** What is watched of a connection. */
interface Watched {
  usable: boolean
  awaitsAnswer: boolean
  bytesMoved: number
  active: { upload: number } | undefined
}

const all: Watched[] = []

// Time passes only as the tests say.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  heedTimers()
})
afterEach(async () => {
  for (const connection of all.splice(0)) connection.usable = false
  await pass(1)
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
  heedTimers()
})

/** Time passes in small steps, so that an alarm is over before the next is due. */
async function pass(seconds: number): Promise<void> {
  for (let at = 0; at < seconds; at++) await vi.advanceTimersByTimeAsync(1000)
}

/** Watches a connection, and collects after how many seconds each alarm was raised. */
function watched(
  after: number,
  how: Partial<Watched> = {},
  looks: () => Promise<void> = async () => undefined,
): { readonly seen: number[]; readonly connection: Watched } {
  const connection = {
    usable: true,
    awaitsAnswer: true,
    bytesMoved: 0,
    active: { upload: 0 },
    ...how,
  }
  const from = performance.now()
  const seen: number[] = []
  all.push(connection)
  watch(connection as unknown as Connection, after, () => {
    seen.push(Math.round((performance.now() - from) / 1000))
    return looks()
  })
  return { seen, connection }
}

describe('a connection', () => {
  it('that is silent is asked after when that was long enough, then ever more seldom', async () => {
    const { seen } = watched(5000)
    await pass(400)
    const pauses = seen.map((at, i) => at - (seen[i - 1] ?? 0))
    // It is looked at once a second, and counted from the first look on.
    expect(pauses.slice(0, 5)).toEqual([6, 10, 20, 40, 60])
    expect(new Set(pauses.slice(4))).toEqual(new Set([60]))
  })
  it('whose silence may be very long is not asked after more often for that', async () => {
    const { seen } = watched(90_000)
    await pass(300)
    expect(seen).toEqual([91, 181, 271])
  })
  it('over which bytes move is not asked after, and counted anew when they stop', async () => {
    const { seen, connection } = watched(2000)
    await pass(3)
    expect(seen).toEqual([3])
    for (let at = 0; at < 10; at++) {
      connection.bytesMoved += 1
      await pass(1)
    }
    expect(seen).toEqual([3])
    await pass(4)
    expect(seen).toEqual([3, 15])
  })
  it('that awaits no answer is not asked after, however long it is idle', async () => {
    const { seen, connection } = watched(2000, { awaitsAnswer: false })
    await pass(10)
    connection.awaitsAnswer = true
    await pass(2)
    expect(seen).toEqual([])
    await pass(1)
    expect(seen).toEqual([13])
  })
  it('is left alone while a large statement may still be on its way, at 32 bytes a millisecond', async () => {
    const { seen } = watched(5000, { active: { upload: 320_000 } })
    await pass(15)
    expect(seen).toEqual([])
    await pass(1)
    expect(seen).toEqual([16])
  })
  it('that is lost is not asked after any more', async () => {
    const { seen, connection } = watched(2000)
    await pass(3)
    connection.usable = false
    await pass(20)
    expect(seen).toEqual([3])
  })
  it('is not asked after twice at once, and left alone for a while when it was', async () => {
    let over = (): void => undefined
    const { seen } = watched(2000, {}, () => new Promise((resolve) => (over = resolve)))
    await pass(20)
    expect(seen).toEqual([3])
    over()
    await pass(4)
    expect(seen).toEqual([3, 24])
    over()
  })
  it('is looked at as often as the most impatient of them wants it', async () => {
    const patient = watched(5000)
    await pass(2)
    const hasty = watched(100)
    await vi.advanceTimersByTimeAsync(250)
    expect(hasty.seen).toHaveLength(1)
    await pass(4)
    expect(patient.seen).toHaveLength(1)
    hasty.connection.usable = false
    await pass(20)
    expect(patient.seen).toHaveLength(2)
  })
})
