import { describe, expect, it, vi } from 'vitest'
import { heedTimers } from '../../../test/kit/fake-clock.ts'
import { Deadline } from '../src/pace/deadline.ts'
import { Gate, type Pass } from '../src/pace/gate.ts'

const never = new AbortController().signal

/** How many timers keep this process alive. */
const timers = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

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
  it('has the next probe when the last one says, where it does', async () => {
    vi.useFakeTimers()
    heedTimers()
    try {
      const gate = new Gate({}, slow)
      ;(await gate.enter(never)).unsuited(undefined, 40)
      expect(gate.pause).toBe(40)
      await vi.advanceTimersByTimeAsync(30)
      expect(gate.pause).toBe(10)
      expect(gate.enterAtOnce()).toBe(undefined)
      await vi.advanceTimersByTimeAsync(10)
      expect(gate.pause).toBe(0)
      gate.enterAtOnce()?.unanswered(undefined, 7)
      expect(gate.pause).toBe(7)
    } finally {
      vi.useRealTimers()
    }
  })
  it.each([
    ['unanswered', undefined, 150],
    ['unanswered', 40, 40],
    ['unsuited', undefined, 300],
    ['unsuited', 40, 40],
    ['failed', undefined, 1000],
    ['failed', 40, 40],
  ] as const)(
    'has a prober that %s wait at the most, with a cap of %s, %s ms',
    async (end, cap, most) => {
      vi.useFakeTimers()
      heedTimers()
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
        heedTimers()
      }
    },
  )
  it('is down without a wait of its own where another gate says when it is tried again', async () => {
    const gate = new Gate({ concurrency: 1 }, { base: 2 ** 30, cap: 2 ** 30 })
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

describe('what a gate knows of its server', () => {
  it('is whether it has ever taken a connection, and what the last prober was told', async () => {
    const gate = new Gate({}, { base: 1, cap: 1 })
    expect([gate.proven, gate.down, gate.lastFailure]).toEqual([false, false, undefined])
    const error = new Error('starting')
    ;(await gate.enter(never)).failed(error)
    expect([gate.proven, gate.down, gate.lastFailure]).toEqual([false, true, error])
    ;(await gate.enter(never)).succeeded()
    expect([gate.proven, gate.down, gate.lastFailure]).toEqual([true, false, undefined])
    ;(await gate.enter(never)).failed(error)
    expect([gate.proven, gate.down]).toEqual([true, true])
  })
})

describe('a pass that need not be waited for', () => {
  it('is there while there is room, and none while there is not', async () => {
    const gate = new Gate({ concurrency: 1 })
    const first = gate.enterAtOnce()
    expect(gate.enterAtOnce()).toBeUndefined()
    first?.succeeded()
    expect(gate.enterAtOnce()).toBeDefined()
  })
  it('is there of a server that is down only when it is time to look again', async () => {
    vi.useFakeTimers()
    heedTimers()
    const random = vi.spyOn(Math, 'random').mockReturnValue(1)
    try {
      const gate = new Gate({ concurrency: 8 }, { base: 100, cap: 100 })
      gate.enterAtOnce()?.failed()
      expect(gate.enterAtOnce()).toBeUndefined()
      vi.advanceTimersByTime(99)
      expect(gate.enterAtOnce()).toBeUndefined()
      vi.advanceTimersByTime(1)
      const looks = gate.enterAtOnce()
      expect(looks).toBeDefined()
      expect(gate.enterAtOnce()).toBeUndefined()
      looks?.succeeded()
      expect([gate.enterAtOnce(), gate.enterAtOnce()]).not.toContain(undefined)
    } finally {
      random.mockRestore()
      vi.useRealTimers()
      heedTimers()
    }
  })
  it('is not taken from somebody who waits', async () => {
    const gate = new Gate({ concurrency: 8 }, { base: 1, cap: 1 })
    gate.enterAtOnce()?.failed()
    const waits = gate.enter(never)
    // It is time, and the one who waits could not be told yet.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    expect(gate.enterAtOnce()).toBeUndefined()
    ;(await waits).succeeded()
  })
})

describe('whoever waits at a gate', () => {
  it('takes no place when nobody waits for it any more', async () => {
    const gate = new Gate({ concurrency: 1 })
    await expect(gate.enter(AbortSignal.abort('too late'))).rejects.toBe('too late')
    expect(gate.enterAtOnce()).toBeDefined()
  })
  it('takes nobody else’s place when it is given up behind the gate', async () => {
    const gate = new Gate({ concurrency: 1 })
    const work = new AbortController()
    const inside = await gate.enter(work.signal)
    const waits = gate.enter(never)
    work.abort('enough')
    inside.abandoned()
    ;(await waits).succeeded()
  })
  it('takes the timer along when it leaves', async () => {
    const gate = new Gate({}, { base: 2 ** 30, cap: 2 ** 30 })
    gate.enterAtOnce()?.failed()
    const before = timers()
    const leave = new AbortController()
    const waits = gate.enter(leave.signal).catch((reason) => reason)
    expect(timers()).toBe(before + 1)
    leave.abort('enough')
    expect(await waits).toBe('enough')
    expect(timers()).toBe(before)
  })
  it('takes no room when it was sent away', async () => {
    const gate = new Gate({ concurrency: 1 }, { base: 1, cap: 1 })
    const prober = await gate.enter(never)
    const others = [gate.enterUnlessDown(never), gate.enterUnlessDown(never)]
    prober.failed()
    expect(await Promise.all(others)).toEqual([undefined, undefined])
    for (let i = 0; i < 3; i++) (await gate.enter(never)).succeeded()
  })
})

describe('the wait between two looks at a server that is down', () => {
  /** How long the next one waits, in milliseconds. */
  async function untilNext(gate: Gate): Promise<number> {
    let waits = true
    const next = gate.enter(never).then((pass) => {
      waits = false
      pass.abandoned()
    })
    let waited = 0
    for (; waits; waited++) await vi.advanceTimersByTimeAsync(1)
    await next
    return waited
  }

  it.each<[string, number, (gate: Gate) => Promise<void>]>([
    [
      'is that of one failure where several failed together',
      100,
      async (gate) => {
        const together = [gate.enterAtOnce(), gate.enterAtOnce(), gate.enterAtOnce()]
        for (const pass of together) pass?.failed()
      },
    ],
    [
      'is longer for each that failed behind the other',
      200,
      async (gate) => {
        for (let i = 0; i < 2; i++) (await advanced(gate)).failed()
      },
    ],
  ])('%s', async (_name, expected, fail) => {
    await withTime(async () => {
      const gate = new Gate({}, { base: 100, cap: 1000 })
      await fail(gate)
      expect(await untilNext(gate)).toBe(expected)
    })
  })
  it('is measured by the outage, from its own beginning, and by how long a look takes', async () => {
    await withTime(async () => {
      const gate = new Gate()
      await vi.advanceTimersByTimeAsync(60_000)
      gate.enterAtOnce()?.failed()
      expect(await untilNext(gate)).toBe(2)
      gate.enterAtOnce()?.succeeded()
      await vi.advanceTimersByTimeAsync(60_000)
      // Whoever takes 20 ms to refuse is left alone for twice as long.
      const slow = gate.enterAtOnce()
      await vi.advanceTimersByTimeAsync(20)
      slow?.failed()
      expect(await untilNext(gate)).toBe(40)
      await vi.advanceTimersByTimeAsync(2000 - 60)
      gate.enterAtOnce()?.failed()
      expect(await untilNext(gate)).toBe(500)
    })
  })

  async function advanced(gate: Gate): Promise<Pass> {
    const entered = gate.enter(never)
    await vi.advanceTimersByTimeAsync(1000)
    return entered
  }

  async function withTime(body: () => Promise<void>): Promise<void> {
    vi.useFakeTimers()
    heedTimers()
    const random = vi.spyOn(Math, 'random').mockReturnValue(1)
    try {
      await body()
    } finally {
      random.mockRestore()
      vi.useRealTimers()
      heedTimers()
    }
  }
})
