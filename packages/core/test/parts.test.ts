import { describe, expect, it } from 'vitest'
import { type RepriseError, surfaced } from '../src/loss/errors.ts'
import type { Outcome } from '../src/loss/outcome.ts'
import { settingsOf } from '../src/options.ts'
import { Budget } from '../src/pace/budget.ts'
import { inParts } from '../src/unit/parts.ts'
import { rerun, withoutCode } from '../src/unit/rerun.ts'
import { currentUnit, keptIn, rerunnable, unitToTell } from '../src/unit/unit.ts'

const lost = (outcome: Outcome): RepriseError =>
  surfaced({ outcome, condition: 'admin_shutdown', reason: 'deadline', attempts: 2 })

const outcomeOf = (call: () => Promise<unknown>): Promise<unknown> =>
  inParts(call).then(
    () => 'none',
    (error: RepriseError) => error.outcome,
  )

const keep = (): void => keptIn(unitToTell())

describe('a call that commits in parts', () => {
  it.each([
    ['not-sent', 'not-sent'],
    ['rolled-back', 'rolled-back'],
    ['in-doubt', 'in-doubt'],
    // Nobody knows whether it had more to send.
    ['committed', 'in-doubt'],
  ] as const)('of which nothing was kept before a loss that is %s is %s', async (own, whole) => {
    expect(await outcomeOf(() => Promise.reject(lost(own)))).toBe(whole)
  })
  it.each(['not-sent', 'rolled-back', 'in-doubt', 'committed'] as const)(
    'is in doubt when a part was kept before a loss that is %s',
    async (own) => {
      const call = async (): Promise<never> => {
        keep()
        throw lost(own)
      }
      expect(await outcomeOf(call)).toBe('in-doubt')
    },
  )
  it('is committed when all that it had to do was, and its result was lost', async () => {
    const call = async (): Promise<never> => {
      keep()
      throw lost('committed')
    }
    await expect(inParts(call, true)).rejects.toMatchObject({ outcome: 'committed' })
    const more = async (): Promise<never> => {
      keep()
      return call()
    }
    await expect(inParts(more, true)).rejects.toMatchObject({ reason: 'in-parts' })
  })
  it.each([
    ['declared', rerunnable(() => undefined)],
    ['not declared', () => undefined],
    ['hidden', undefined],
  ])('is what a callback does besides its transaction, when it is %s', async (_, callback) => {
    const run = async (): Promise<never> => {
      keep()
      throw lost('rolled-back')
    }
    const call = rerun(callback, run, settingsOf(), new Budget())
    await expect(call).rejects.toMatchObject({ outcome: 'in-doubt', reason: 'in-parts' })
  })
  it('knows whether code of the application runs in it, or around it', async () => {
    const seen = (): Promise<boolean | undefined> => inParts(async () => unitToTell()?.code, true)
    expect(await seen()).toBe(false)
    expect(await inParts(async () => unitToTell()?.code)).toBe(true)
    expect(await inParts(seen)).toBe(true)
    const alone = (callback: unknown): Promise<boolean | undefined> =>
      rerun(callback, async () => unitToTell()?.code, settingsOf(), new Budget())
    expect(await alone(withoutCode)).toBe(false)
    expect(await alone(rerunnable(() => undefined))).toBe(true)
    expect(await inParts(() => alone(withoutCode))).toBe(true)
  })
  it('keeps what was thrown in the cause, and says what to do', async () => {
    const error = lost('rolled-back')
    const call = async (): Promise<never> => {
      keep()
      throw error
    }
    await expect(inParts(call)).rejects.toMatchObject({
      code: '08007',
      reason: 'in-parts',
      condition: 'admin_shutdown',
      attempts: 2,
      advice: expect.stringContaining('which part'),
      cause: error,
    })
  })
  it('leaves errors that are no loss as they are', async () => {
    const error = Object.assign(new Error('duplicate'), { code: '23505' })
    const call = async (): Promise<never> => {
      keep()
      throw error
    }
    await expect(inParts(call)).rejects.toBe(error)
  })
  it('tells the call, and the callback, that it runs in', async () => {
    const outer = inParts(async () => {
      await inParts(async () => keep())
      throw lost('rolled-back')
    })
    await expect(outer).rejects.toMatchObject({ outcome: 'in-doubt' })
    let runs = 0
    const callback = rerunnable(async () => {
      runs += 1
      await inParts(async () => keep())
      throw { code: '40001' }
    })
    await rerun(callback, callback, settingsOf(), new Budget()).catch(() => undefined)
    expect(runs).toBe(1)
  })
  it('does not keep a transaction in it from being run again, and is told of it', async () => {
    let runs = 0
    const settings = settingsOf({ backoff: { base: 1, cap: 1 } })
    const call = inParts(async () => {
      expect(currentUnit()).toBeUndefined()
      await rerun(
        rerunnable(() => undefined),
        async () => {
          runs += 1
          if (runs === 1) throw { code: '40001' }
          keep()
        },
        settings,
        new Budget(),
      )
      throw lost('rolled-back')
    })
    await expect(call).rejects.toMatchObject({ outcome: 'in-doubt' })
    expect(runs).toBe(2)
  })
  it('is not held by what starts anew in what it left behind', async () => {
    let left: (() => Promise<void>) | undefined
    let depth = 0
    const again = (): Promise<void> =>
      inParts(async () => {
        for (let unit = unitToTell()?.outer; unit !== undefined; unit = unit.outer) depth += 1
        const { promise, resolve } = Promise.withResolvers<void>()
        const later = promise.then(again)
        left = () => {
          resolve()
          return later
        }
      })
    await again()
    await left?.()
    await left?.()
    expect(depth).toBe(0)
  })
})
