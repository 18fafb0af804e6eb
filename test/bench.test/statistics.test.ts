import { expect, test } from 'vitest'
import { verdict } from '../bench/goals.ts'
import { commonRatio, median, quantile } from '../bench/statistics.ts'
import { seeded } from '../kit/index.ts'

/** Ratios around one, as rounds bring them, with a neighbour that wakes up now and then. */
function rounds(around: number, count: number, wild: number, random: () => number): number[] {
  return Array.from({ length: count }, (_, at) => {
    const noise = 1 + (random() + random() + random() - 1.5) * 0.1
    return at < wild ? around * 3 : around * noise
  })
}

test('the interval holds the true ratio about as often as it says', () => {
  const random = seeded(7)
  const runs = Array.from({ length: 400 }, () => commonRatio(rounds(0.9, 20, 0, random)))
  const held = runs.filter(({ value, within }) => Math.abs(value - 0.9) <= within).length
  expect(held / runs.length).toBeGreaterThan(0.9)
})

test('wild rounds do not move a ratio', () => {
  const { value } = commonRatio(rounds(0.9, 20, 3, seeded(3)))
  expect(Math.abs(value - 0.9)).toBeLessThan(0.03)
})

test('more rounds make the interval narrower, and fewer than three make none', () => {
  const few = commonRatio(rounds(1, 8, 0, seeded(5)))
  const many = commonRatio(rounds(1, 200, 0, seeded(5)))
  expect(many.within).toBeLessThan(few.within / 2)
  expect(commonRatio([1, 1]).within).toBe(Number.POSITIVE_INFINITY)
})

test('a ratio and its inverse are the same finding', () => {
  const ratios = rounds(0.8, 21, 2, seeded(9))
  const there = commonRatio(ratios).value
  const back = commonRatio(ratios.map((ratio) => 1 / ratio)).value
  expect(there * back).toBeCloseTo(1, 10)
})

test('a goal inside the interval is neither met nor missed', () => {
  expect(verdict({ value: 0.99, within: 0.005 }, 0.98)).toBe('met')
  expect(verdict({ value: 0.96, within: 0.005 }, 0.98)).toBe('missed')
  expect(verdict({ value: 0.97, within: 0.02 }, 0.98)).toBe('too close to call')
})

test('quantiles lie between neighbours in proportion', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(quantile([0, 10], 0.25)).toBe(2.5)
})
