import { expect, test } from 'vitest'
import { History } from '../lanes/history.ts'

function history(...acknowledged: number[]): History {
  const made = new History()
  made.acknowledged.push(...acknowledged)
  return made
}

test('the longest stall counts from the beginning, between and up to the end', () => {
  expect(history(500, 700).longestStall(1000)).toEqual({ from: 0, to: 500 })
  expect(history(100, 700).longestStall(1000)).toEqual({ from: 100, to: 700 })
  expect(history(100, 200).longestStall(1000)).toEqual({ from: 200, to: 1000 })
  expect(history().longestStall(1000)).toEqual({ from: 0, to: 1000 })
})

test('what comes after the end does not count', () => {
  expect(history(100, 1500).longestStall(1000)).toEqual({ from: 100, to: 1000 })
  expect(history(0, 99, 100, 250, 1500).slices(300, 100)).toEqual([2, 1, 1])
})

test('failures are counted by what their errors say', () => {
  const made = history()
  for (const failure of [
    { message: 'a' },
    { message: 'a', code: 'P2028' },
    { message: 'a', code: 'P2025' },
    { message: 'b', code: 'P2024', outcome: 'in-doubt' },
    { message: 'c', outcome: 'rolled-back', reason: 'diverged' },
    { message: 'd', outcome: 'rolled-back' },
    { message: 'e', outcome: 'in-doubt' },
  ]) {
    made.failed.push({ at: 1, failure })
  }
  expect(Object.fromEntries(made.kinds())).toEqual({
    untold: 2,
    P2028: 1,
    'in-doubt': 2,
    diverged: 1,
    'rolled-back': 1,
  })
})
