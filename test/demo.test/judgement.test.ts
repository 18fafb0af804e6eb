import { expect, test } from 'vitest'
import { type Audit, exactAudit } from '../kit/index.ts'
import { breaches } from '../lanes/breaches.ts'
import type { Finding } from '../lanes/experiment.ts'
import { Lane } from '../lanes/lane.ts'
import { verdictOf } from '../torture/verdict.ts'

const spotless: Audit = {
  acknowledged: 3,
  rejected: 0,
  ...exactAudit,
}

function finding(audit: Partial<Audit> = {}, hung = 0): Finding {
  const lane = new Lane(
    {
      subject: 'pg',
      url: '',
      reprise: {},
      seed: 1,
      workload: { workers: 1, accounts: 2, periodMs: 0, thinkMs: 0, insertPercent: 0 },
    },
    { acknowledged() {}, rejected() {} },
    () => 0,
  )
  return { lane, audit: { ...spotless, ...audit }, hung }
}

test('a lane that kept every promise has no breach', () => {
  expect(breaches(finding())).toEqual([])
})

test.each([
  [finding({ lost: 2 }), '2 acknowledged but not in the database'],
  [finding({ duplicated: 1 }), '1 in the database more than once'],
  [finding({ explained: false }), 'do not explain'],
  [finding({}, 4), '4 calls that never came back'],
])('a broken promise is named', (found, words) => {
  expect(breaches(found)).toEqual([expect.stringContaining(words)])
})

test('a crash is a breach', () => {
  const found = finding()
  found.lane.history.crashes.push({ at: 5, reason: 'error: gone' })
  expect(breaches(found)).toEqual([expect.stringContaining('crashed, 1 times')])
})

test('torture also holds errors to their word', () => {
  const found = finding({ appliedThoughRejected: { honest: 1, dishonest: 2 } })
  const { dishonest, breaches: named } = verdictOf({ finding: found, faults: {}, end: 1000 })
  expect(dishonest).toBe(2)
  expect(named).toEqual([expect.stringContaining('2 in the database though an error denied it')])
})
