import { describe, expect, it } from 'vitest'
import {
  DivergedError,
  FailedTransactionError,
  InDoubtError,
  RolledBackError,
  surfaced,
} from '../src/loss/errors.ts'
import { settingsOf } from '../src/options.ts'
import { Budget } from '../src/pace/budget.ts'
import { rerun } from '../src/unit/rerun.ts'
import { currentUnit, rerunnable } from '../src/unit/unit.ts'

const settings = settingsOf({ backoff: { base: 1, cap: 1 } })
const loss = { condition: 'admin_shutdown', attempts: 1 } as const
const diverged = (): Error => new DivergedError(loss)

/** Runs a callback that fails in the given ways, one after the other, and then succeeds. */
async function runs(
  failures: (() => unknown)[],
  callback: () => unknown = rerunnable(() => undefined),
  budget = new Budget(),
): Promise<number> {
  let count = 0
  await rerun(
    callback,
    async () => {
      const failure = failures[count++]?.()
      if (failure !== undefined) throw failure
    },
    settings,
    budget,
  ).catch(() => undefined)
  return count
}

describe('a rerunnable callback', () => {
  it.each([
    ['a divergence', diverged],
    ['a serialization failure', () => ({ code: '40001' })],
    ['a deadlock', () => ({ code: '40P01' })],
    [
      'either of them wrapped',
      () => new Error('orm', { cause: { driverError: { originalCode: '40P01' } } }),
    ],
    [
      'a failed transaction whose cause is a divergence',
      () => new FailedTransactionError(diverged()),
    ],
    [
      'a transaction too large to be replayed',
      () => surfaced({ ...loss, outcome: 'rolled-back', reason: 'not-replayable' }),
    ],
  ])('is run again after %s', async (_name, failure) => {
    expect(await runs([failure, failure])).toBe(3)
  })
  it.each<[string, () => unknown]>([
    ['a doubt', () => new InDoubtError({ ...loss, reason: 'in-doubt' })],
    [
      'a doubt, even behind a conflict',
      () =>
        new Error('x', {
          cause: new InDoubtError({ ...loss, reason: 'in-doubt', cause: { code: '40001' } }),
        }),
    ],
    [
      'a committed transaction whose result was lost',
      () => surfaced({ ...loss, outcome: 'committed', reason: 'result-unknown' }),
    ],
    ["an operator's will", () => surfaced({ ...loss, outcome: 'rolled-back', reason: 'operator' })],
    ...(['deadline', 'down', 'budget'] as const).map((reason): [string, () => unknown] => [
      `a server that was given up (${reason})`,
      () => surfaced({ ...loss, outcome: 'not-sent', reason }),
    ]),
    ['a closed client', () => surfaced({ ...loss, outcome: 'rolled-back', reason: 'closed' })],
    ['an unheeded error', () => new RolledBackError()],
    ['a constraint', () => ({ code: '23505' })],
    ["the application's own error", () => new Error('no')],
  ])('is not run again after %s', async (_name, failure) => {
    expect(await runs([failure])).toBe(1)
  })
  it('is not run again once a transaction of it was committed', async () => {
    let count = 0
    const run = rerun(
      rerunnable(() => undefined),
      async (unit) => {
        count += 1
        unit.committed = true
        throw diverged()
      },
      settings,
      new Budget(),
    )
    await expect(run).rejects.toMatchObject({ code: '40001' })
    expect(count).toBe(1)
  })
  it('is not run again unless its author said so', async () => {
    expect(await runs([diverged], () => undefined)).toBe(1)
  })
  it('is not run again inside another: the outermost owns re-runs', async () => {
    let inner = 0
    await rerun(
      rerunnable(() => undefined),
      async () => {
        inner += await runs([diverged])
      },
      settings,
      new Budget(),
    )
    expect(inner).toBe(1)
  })
  it('is not run again without budget', async () => {
    expect(
      await runs(
        [diverged, diverged, diverged],
        undefined,
        new Budget({ capacity: 1, deposit: 0.1, perSecond: 1e-9 }),
      ),
    ).toBe(2)
  })
  it('gives up on a conflict that does not end', async () => {
    expect(await runs(Array.from({ length: 50 }, () => diverged))).toBe(10)
  })
  it('knows its attempt, and nobody does outside', async () => {
    const seen: (number | undefined)[] = []
    await rerun(
      rerunnable(() => undefined),
      async () => {
        seen.push(currentUnit()?.attempt)
        if (seen.length < 3) throw diverged()
      },
      settings,
      new Budget(),
    )
    expect(seen).toEqual([1, 2, 3])
    expect(currentUnit()).toBeUndefined()
  })
  it('must be a function', () => {
    expect(() => rerunnable(7 as never)).toThrow('pass a function')
  })
})
