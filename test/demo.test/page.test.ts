import { expect, test } from 'vitest'
import type { LaneData, ReportData } from '../demo/page/data.ts'
import { page } from '../demo/page/page.ts'

const lane = (reprise: boolean, more: Partial<LaneData> = {}): LaneData => ({
  title: 'Kysely',
  result: {
    subject: 'kysely',
    reprise,
    acknowledged: 1234,
    errors: reprise ? 0 : 1,
    lost: 0,
    duplicated: 0,
    crashes: reprise ? 0 : 1,
    hung: 0,
    longestStallMs: 1500,
  },
  slices: [2, 0, 3, 1],
  kills: [100, 250],
  errors: [],
  crashes: [],
  stall: { from: 1000, to: 2500 },
  kinds: [],
  ...more,
})

const sample: ReportData = {
  made: '2026-01-02T03:04:05.678Z',
  end: 3000,
  outages: [{ from: 1500, to: 1800 }],
  lanes: [
    lane(false, {
      errors: [{ at: 700, text: 'a <b>bad</b> "one"' }],
      crashes: [{ at: 900, text: 'error: gone' }],
      kinds: [['untold', 1]],
    }),
    lane(true, { kinds: [['diverged', 2]] }),
  ],
}

test('shows what happened in each lane', () => {
  const text = page(sample)
  expect(text).toContain('One PostgreSQL client moved money between accounts for 3 seconds')
  expect(text).toContain('<b>1,234</b> acknowledged')
  expect(text).toContain('1 error, 1 crash')
  expect(text).toContain('2 diverged')
  expect(text.match(/<svg [^>]*role="img"/g)).toHaveLength(2)
  expect(text).toContain('0.9 s: the process crashed. error: gone')
})

test('is one file that needs nothing else', () => {
  const text = page(sample)
  expect(text).not.toMatch(/https?:|\/\/[a-z]|<script|<link|@import|url\(/i)
  expect(text).toContain("default-src 'none'")
})

test('takes what errors say for text, not for HTML', () => {
  expect(page(sample)).toContain('a &lt;b&gt;bad&lt;/b&gt; &quot;one&quot;')
})

test('every mark that a label names is there, once', () => {
  const text = page(sample)
  const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  const named = [...text.matchAll(/aria-labelledby="([^"]+)"/g)].flatMap(([, names]) =>
    (names ?? '').split(' '),
  )
  expect(ids).toEqual(expect.arrayContaining(named))
})
