import { describe, expect, it } from 'vitest'
import { fullJitter, type Outage, untilNextTry } from '../src/pace/backoff.ts'
import { Budget } from '../src/pace/budget.ts'
import { Deadline } from '../src/pace/deadline.ts'

/** How many timers keep this process alive. */
const timers = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

describe('full jitter', () => {
  it('draws from nothing up to a ceiling that doubles, and is capped', () => {
    const options = { base: 10, cap: 50 }
    const most = [1, 2, 3, 4, 5].map((failures) => fullJitter(failures, options, () => 1))
    expect(most).toEqual([10, 20, 40, 50, 50])
    expect(fullJitter(3, options, () => 0)).toBe(0)
  })
})

describe('the wait for a server that is down', () => {
  const outage: Outage = { failures: 1, lasted: 0, tryTook: 0, said: 'server' }
  const most = (how: Partial<Outage>, options = {}): number =>
    untilNextTry({ ...outage, ...how }, options, () => 1)

  it('adds at most a quarter to an outage', () => {
    for (const lasted of [10, 100, 500]) {
      expect(most({ lasted })).toBeCloseTo(lasted / 4)
      expect(most({ lasted, said: 'nobody' })).toBeCloseTo(lasted / 4)
    }
  })
  it('is capped, and sooner while nobody takes the socket, or others do', () => {
    expect(most({ lasted: 1e6 })).toBe(1000)
    expect(most({ lasted: 1e6, said: 'nobody' })).toBe(150)
    expect(most({ lasted: 1e6, said: 'another' })).toBe(300)
    expect(most({ lasted: 1e6, said: 'nobody' }, { cap: 40 })).toBe(40)
  })
  it('is longer for a server that takes long to refuse', () => {
    expect(most({ tryTook: 50 })).toBe(100)
  })
  it('doubles from a base where one is given', () => {
    const options = { base: 10, cap: 50 }
    expect([1, 2, 3, 4].map((failures) => most({ failures, lasted: 1e6 }, options))).toEqual([
      10, 20, 40, 50,
    ])
  })
  it('is a random part of that', () => {
    expect(untilNextTry({ ...outage, lasted: 300 }, {}, () => 0)).toBe(0)
    expect(untilNextTry({ ...outage, lasted: 300 }, {}, () => 0.5)).toBeCloseTo(37.5)
  })
})

describe('the retry budget', () => {
  it('is emptied by retries and filled by successes', () => {
    const budget = new Budget({ capacity: 2, deposit: 0.5, perSecond: 0.000001 }, () => 0)
    expect([budget.withdraw(), budget.withdraw(), budget.withdraw()]).toEqual([true, true, false])
    budget.deposit()
    expect(budget.withdraw()).toBe(false)
    budget.deposit()
    expect(budget.withdraw()).toBe(true)
  })
  it('never saves up more than its capacity', () => {
    const budget = new Budget({ capacity: 3 }, () => 0)
    for (let i = 0; i < 100; i++) budget.deposit()
    expect(budget.balance).toBe(3)
  })
  it('lets a quiet application retry again after a while', () => {
    let now = 0
    const budget = new Budget({ capacity: 1, deposit: 0, perSecond: 10 }, () => now)
    expect([budget.withdraw(), budget.withdraw()]).toEqual([true, false])
    now += 100
    expect(budget.withdraw()).toBe(true)
  })
  it('earns by the second, whenever it is looked at, and loses nothing to a clock that goes back', () => {
    let now = 5000
    const budget = new Budget({ capacity: 10, deposit: 0, perSecond: 10 }, () => now)
    for (let i = 0; i < 10; i++) budget.withdraw()
    expect(budget.balance).toBe(0)
    now += 250
    expect(budget.balance).toBeCloseTo(2.5)
    now -= 2000
    expect(budget.balance).toBeCloseTo(2.5)
    now += 100
    expect(budget.balance).toBeCloseTo(3.5)
  })
  it('ends on the clock of its process, too', () => {
    const budget = new Budget({ capacity: 1, deposit: 0, perSecond: 1e-9 })
    expect([budget.withdraw(), budget.withdraw()]).toEqual([true, false])
  })
})

describe('a deadline', () => {
  it('can be ended early, and keeps its first reason', () => {
    const deadline = new Deadline(1e6)
    deadline.end('closed')
    deadline.end('timeout')
    expect(deadline.signal.reason).toBe('closed')
    expect(deadline.remaining).toBe(0)
  })
  it.each(['end', 'dispose'] as const)('keeps no process alive after %s', (how) => {
    const before = timers()
    const deadline = new Deadline(1e6)
    expect(timers()).toBe(before + 1)
    deadline[how]('closed')
    expect(timers()).toBe(before)
  })
  it('does not come closer while its process is suspended', async () => {
    const deadline = new Deadline(3000)
    // Nothing of this process runs meanwhile, as after SIGSTOP.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6000)
    await new Promise((resolve) => setTimeout(resolve, 1))
    expect(deadline.signal.aborted).toBe(false)
    expect(deadline.remaining).toBeGreaterThan(0)
    await new Promise((resolve) => deadline.signal.addEventListener('abort', resolve))
    expect(deadline.signal.reason).toBe('deadline')
  }, 20_000)
  it('comes by itself', async () => {
    const deadline = new Deadline(1)
    await new Promise((resolve) => deadline.signal.addEventListener('abort', resolve))
    expect(deadline.signal.reason).toBe('deadline')
  })
})
