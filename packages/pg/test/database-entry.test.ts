import { expect, it } from 'vitest'
import { DatabaseEntry } from '../src/keep/database-entry.ts'

const wrapped = 4_294_967_296

it.each<[string | null, number | null, number, string | null, boolean]>([
  ['of before is the one that was there', 600, 700, '900', false],
  ['of the id itself is another', 700, 700, '900', true],
  ['of since is another', 800, 700, '900', true],
  [
    'of before, whose bits were used again, is the one that was there',
    5,
    wrapped + 3,
    `${wrapped + 4}`,
    false,
  ],
  ['of since, whose bits began anew, is another', 5, wrapped - 3, `${wrapped + 9}`, true],
  ['nobody knows of is another', null, 700, '900', true],
  ['is another where nobody knows the next id', 600, 700, null, true],
])('an entry %s', (_what, written, xid, next, newer) => {
  const entry = new DatabaseEntry([written === null ? null : `${written}`, next])
  expect(entry.isNewerThan(`${xid}`)).toBe(newer)
})

it('an entry is not said to be newer than what has no id', () => {
  expect(new DatabaseEntry(['600', '900']).isNewerThan(null)).toBe(false)
})
