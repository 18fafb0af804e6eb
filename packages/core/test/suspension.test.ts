import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

/** A process whose clock stands still unless it is told to go on. */
let now = 0
let watching: { readonly look: () => void; readonly rhythm: number; kept: boolean }[] = []

const load = () => import('../src/pace/suspension.ts')

beforeEach(() => {
  now = 1000
  watching = []
  vi.resetModules()
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  vi.stubGlobal('setInterval', (look: () => void, rhythm: number) => {
    const watch = { look, rhythm, kept: true }
    watching.push(watch)
    return {
      unref: () => {
        watch.kept = false
      },
    }
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe('a process that was suspended', () => {
  it('knows how long, but for the rhythm in which it looks', async () => {
    const { noticeSuspension, suspendedSince } = await load()
    noticeSuspension()
    now += 5000
    expect(suspendedSince(0)).toBe(4000)
    expect(suspendedSince(0)).toBe(4000)
    expect(suspendedSince(1000)).toBe(4000)
  })
  it('counts of a gap what lies behind the moment that is asked about', async () => {
    const { noticeSuspension, suspendedSince } = await load()
    noticeSuspension()
    now += 5000
    expect(suspendedSince(now - 1500)).toBe(1500)
    expect(suspendedSince(now)).toBe(0)
    expect(suspendedSince(now + 1)).toBe(0)
  })
  it('notices what is late by 2 s, and nothing less', async () => {
    const { noticeSuspension, suspendedSince } = await load()
    noticeSuspension()
    now += 2999
    expect(suspendedSince(0)).toBe(0)
    now += 3000
    expect(suspendedSince(0)).toBe(2000)
  })
  it('adds up its gaps, the last hundred of them', async () => {
    const { noticeSuspension, suspendedSince } = await load()
    noticeSuspension()
    for (let gaps = 1; gaps <= 120; gaps++) {
      now += 3500
      for (const { look } of watching) look()
      expect(suspendedSince(0)).toBe(Math.min(gaps, 100) * 2500)
    }
  })
  it('looks every second, by one timer that keeps nothing alive', async () => {
    const { noticeSuspension } = await load()
    noticeSuspension()
    noticeSuspension()
    expect(watching).toMatchObject([{ rhythm: 1000, kept: false }])
  })
  it('knows of nothing before it is asked to look', async () => {
    const { suspendedSince } = await load()
    expect(suspendedSince(0)).toBe(0)
    now += 5000
    expect(suspendedSince(0)).toBe(0)
  })
  it('is looked at as soon as there is a deadline', async () => {
    const { Deadline } = await import('../src/pace/deadline.ts')
    const deadline = new Deadline(10_000)
    expect(watching).toHaveLength(1)
    now += 8000
    expect(deadline.remaining).toBe(9000)
    deadline.dispose()
  })
})
