import { describe, expect, it, vi } from 'vitest'
import { fullJitter, type Outage, untilNextTry } from '../src/pace/backoff.ts'
import { Budget } from '../src/pace/budget.ts'
import { Deadline } from '../src/pace/deadline.ts'
import { Gate, type Pass } from '../src/pace/gate.ts'

const never = new AbortController().signal

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
    for (const lasted of [10, 100, 700]) {
      expect(most({ lasted })).toBeCloseTo(lasted / 4)
      expect(most({ lasted, said: 'nobody' })).toBeCloseTo(lasted / 4)
    }
  })
  it('is capped, and sooner while nobody takes the socket, or others do', () => {
    expect(most({ lasted: 1e6 })).toBe(1000)
    expect(most({ lasted: 1e6, said: 'nobody' })).toBe(250)
    expect(most({ lasted: 1e6, said: 'another' })).toBe(500)
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
})

describe('a deadline', () => {
  it('can be ended early, and keeps its first reason', () => {
    const deadline = new Deadline(1e6)
    deadline.end('closed')
    deadline.end('timeout')
    expect(deadline.signal.reason).toBe('closed')
    expect(deadline.remaining).toBe(0)
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

describe('the gate of a server', () => {
  const slow = { base: 1, cap: 1 }

  async function admitted(gate: Gate, count: number): Promise<Pass[]> {
    const passes: Pass[] = []
    for (let i = 0; i < count; i++) void gate.enter(never).then((pass) => passes.push(pass))
    await new Promise((resolve) => setImmediate(resolve))
    return passes
  }

  it('admits a bounded number at once while the server answers', async () => {
    const passes = await admitted(new Gate({ concurrency: 3 }), 10)
    expect(passes).toHaveLength(3)
    passes[0]?.succeeded()
    await new Promise((resolve) => setImmediate(resolve))
    expect(passes).toHaveLength(4)
  })
  it('admits one prober while the server is down', async () => {
    const gate = new Gate({ concurrency: 3 }, slow)
    const [first, second, third] = await admitted(gate, 3)
    first?.failed()
    second?.failed()
    third?.failed()
    expect(gate.down).toBe(true)
    const prober = await gate.enter(never)
    const others = await admitted(gate, 5)
    expect(others).toHaveLength(0)
    prober.succeeded()
    await new Promise((resolve) => setImmediate(resolve))
    expect(others).toHaveLength(3)
    expect(gate.down).toBe(false)
  })
  it('admits the others as soon as its prober has an answer, and not only when it is done', async () => {
    const gate = new Gate({ concurrency: 3 }, slow)
    ;(await gate.enter(never)).failed()
    const prober = await gate.enter(never)
    const others = await admitted(gate, 5)
    expect(others).toHaveLength(0)
    prober.answered()
    await new Promise((resolve) => setImmediate(resolve))
    expect(others).toHaveLength(2)
    prober.succeeded()
    await new Promise((resolve) => setImmediate(resolve))
    expect(others).toHaveLength(3)
  })
  it('is down again when what answered has failed after all', async () => {
    const gate = new Gate({}, slow)
    ;(await gate.enter(never)).failed()
    const prober = await gate.enter(never)
    prober.answered()
    expect(gate.down).toBe(false)
    prober.failed()
    expect(gate.down).toBe(true)
  })
  it('lets the next probe when a prober found the server still down', async () => {
    const gate = new Gate({}, slow)
    ;(await gate.enter(never)).failed()
    ;(await gate.enter(never)).failed()
    const prober = await gate.enter(never)
    prober.succeeded()
    expect(gate.down).toBe(false)
  })
  it('passes the turn on when a prober leaves without a verdict', async () => {
    const gate = new Gate({}, slow)
    ;(await gate.enter(never)).failed()
    ;(await gate.enter(never)).abandoned()
    expect(gate.down).toBe(true)
    ;(await gate.enter(never)).succeeded()
  })
  it.each([
    ['unanswered', undefined, 250],
    ['unanswered', 40, 40],
    ['unsuited', undefined, 500],
    ['unsuited', 40, 40],
    ['failed', undefined, 1000],
    ['failed', 40, 40],
  ] as const)(
    'has a prober that %s wait at the most, with a cap of %s, %s ms',
    async (end, cap, most) => {
      vi.useFakeTimers()
      const random = vi.spyOn(Math, 'random').mockReturnValue(1)
      try {
        const gate = new Gate({}, { cap })
        for (let failures = 1; failures <= 10; failures++) {
          const entered = gate.enter(never)
          await vi.advanceTimersByTimeAsync(1000)
          ;(await entered)[end]()
        }
        let admitted = false
        const next = gate.enter(never).then((pass) => {
          admitted = true
          pass.abandoned()
        })
        await vi.advanceTimersByTimeAsync(most - 1)
        expect(admitted).toBe(false)
        await vi.advanceTimersByTimeAsync(1)
        await next
      } finally {
        random.mockRestore()
        vi.useRealTimers()
      }
    },
  )
  it('is down without a wait of its own where another gate says when it is tried again', async () => {
    const gate = new Gate({}, { base: 2 ** 30, cap: 2 ** 30 })
    ;(await gate.enter(never)).referred(new Error('down'))
    expect(gate.down).toBe(true)
    expect(gate.lastFailure).toEqual(new Error('down'))
    const prober = gate.enterAtOnce()
    expect(prober).toBeDefined()
    expect(gate.enterAtOnce()).toBeUndefined()
  })
  it('lets nobody wait past their deadline', async () => {
    const gate = new Gate({ concurrency: 1 })
    const inside = await gate.enter(never)
    const deadline = new Deadline(1e6)
    const waiting = gate.enter(deadline.signal)
    deadline.end('closed')
    await expect(waiting).rejects.toBe('closed')
    inside.succeeded()
    ;(await gate.enter(never)).succeeded()
  })
})

describe('a gate to one server of several', () => {
  const slow = { base: 2 ** 30, cap: 2 ** 30 }

  it('lets in as the others do while the server is up', async () => {
    const gate = new Gate({ concurrency: 1 }, slow)
    const first = await gate.enterUnlessDown(never)
    const second = gate.enterUnlessDown(never)
    first?.succeeded()
    ;(await second)?.succeeded()
    expect(await second).toBeDefined()
  })
  it('dismisses those who have another as soon as it is known to be down, and nobody else', async () => {
    const gate = new Gate({ concurrency: 1 }, slow)
    const prober = (await gate.enter(never)) as Pass
    const leave = new AbortController()
    const patient = gate.enter(leave.signal).catch((reason) => reason)
    const others = [gate.enterUnlessDown(never), gate.enterUnlessDown(never)]
    prober.failed(new Error('down'))
    expect(await Promise.all(others)).toEqual([undefined, undefined])
    expect(await gate.enterUnlessDown(never)).toBeUndefined()
    leave.abort('enough')
    expect(await patient).toBe('enough')
  })
  it('lets one of them look whether it still is, when it is time', async () => {
    const gate = new Gate({ concurrency: 8 }, { base: 1, cap: 1 })
    ;((await gate.enter(never)) as Pass).failed()
    let looks: Pass | undefined
    while (looks === undefined) {
      looks = await gate.enterUnlessDown(never)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await gate.enterUnlessDown(never)).toBeUndefined()
    looks.succeeded()
  })
  it('is left when its signal is aborted', async () => {
    const gate = new Gate({ concurrency: 1 }, slow)
    const inside = (await gate.enter(never)) as Pass
    const leave = new AbortController()
    const waits = gate.enterUnlessDown(leave.signal).catch((reason) => reason)
    leave.abort('enough')
    expect(await waits).toBe('enough')
    inside.succeeded()
    expect(await gate.enterUnlessDown(never)).toBeDefined()
  })
})
