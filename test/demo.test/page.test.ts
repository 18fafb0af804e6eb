import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import type { LaneData, ReportData } from '../demo/page/data.ts'
import { page } from '../demo/page/page.ts'
import { picture } from '../demo/page/picture.ts'
import { Browser, findBrowser } from '../kit/index.ts'
import type { LaneKind } from '../lanes/kind.ts'

const lane = (kind: LaneKind, more: Partial<LaneData> = {}): LaneData => ({
  title: 'Kysely',
  kind,
  result: {
    subject: 'kysely',
    reprise: kind === 'with',
    acknowledged: 1234,
    errors: kind === 'without' ? 1 : 0,
    lost: 0,
    duplicated: kind === 'retry' ? 7 : 0,
    crashes: kind === 'without' ? 1 : 0,
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
    lane('without', {
      errors: [{ at: 700, text: 'a <b>bad</b> "one"' }],
      crashes: [{ at: 900, text: 'error: gone' }],
      kinds: [['untold', 1]],
    }),
    lane('retry'),
    lane('with', { kinds: [['diverged', 2]] }),
  ],
}

/** As if fewer had been acknowledged with Reprise than without. */
const fewer: ReportData = {
  ...sample,
  lanes: sample.lanes.map((each) =>
    each.kind === 'with' ? { ...each, result: { ...each.result, acknowledged: 1000 } } : each,
  ),
}

const more = '../docs/start/index.md'

test('shows what happened in each lane', () => {
  const text = page(sample, more)
  expect(text).toContain('One PostgreSQL client moved money between accounts for 3 seconds')
  expect(text).toContain('<b>1,234</b> acknowledged')
  expect(text).toContain('1 error, 1 crash')
  expect(text).toContain('2 diverged')
  expect(text.match(/<svg [^>]*role="img"/g)).toHaveLength(3)
  expect(text).toContain('0.9 s: the process crashed. error: gone')
})

test('says what Reprise is, with a link, and has all three lanes of a client', () => {
  const text = page(sample, more)
  expect(text).toContain('invisible to users of node-postgres')
  expect(text).toContain(`<a href="${more}">`)
  for (const words of ['without Reprise', 'with a naive retry', 'with Reprise']) {
    expect(text).toContain(`>${words}</span>`)
  }
  expect(text).toContain('7 duplicated')
  const read = text.replaceAll(/<style>[\s\S]*?<\/style>|<[^>]+>/g, ' ')
  expect(read).not.toMatch(/\blanes?\b/)
})

test('says why fewer are acknowledged with Reprise than without, only where they are', () => {
  expect(page(sample, more)).not.toContain('Fewer acknowledged')
  expect(page(fewer, more)).toContain('Fewer acknowledged with Reprise than without (Kysely)?')
})

test('the picture is one file that needs nothing else, and shows every lane', () => {
  const text = picture(sample)
  expect(text).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
  expect(text.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
    /https?:|<script|@import|url\(/i,
  )
  expect(text.match(/role="img" aria-labelledby/g)).toHaveLength(3)
  expect(text).toContain('7 duplicated')
})

test.skipIf(findBrowser() === undefined)(
  'on a phone nothing is wider than it, the table scrolls, and words on charts can be read (skipped where there is no Chromium: apt-get install chromium)',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reprise-page-'))
    const browser = await Browser.start()
    try {
      await writeFile(join(folder, 'page.html'), page(fewer, more))
      const { href } = pathToFileURL(join(folder, 'page.html'))
      for (const dark of [false, true]) {
        const seen = await browser.open(href, { width: 390, dark })
        expect(await seen.evaluate('document.documentElement.scrollWidth')).toBe(390)
        expect(
          await seen.evaluate(`(() => {
          const { scrollWidth, clientWidth } = document.querySelector('.scroll')
          return scrollWidth > clientWidth
        })()`),
        ).toBe(true)
        const heights = await seen.evaluate<
          number[]
        >(`[...document.querySelectorAll('.client svg text')]
          .filter((text) => getComputedStyle(text).display !== 'none')
          .map((text) => text.getBoundingClientRect().height)`)
        expect(heights.length).toBeGreaterThan(0)
        expect(Math.min(...heights)).toBeGreaterThan(10)
        expect(seen.complaints).toEqual([])
      }
    } finally {
      await browser.close()
      await rm(folder, { recursive: true })
    }
  },
)

test('is one file that needs nothing else', () => {
  const text = page(sample, more)
  expect(text).not.toMatch(/https?:|\/\/[a-z]|<script|<link|@import|url\(/i)
  expect(text).toContain("default-src 'none'")
})

test('takes what errors say for text, not for HTML', () => {
  expect(page(sample, more)).toContain('a &lt;b&gt;bad&lt;/b&gt; &quot;one&quot;')
})

test('every mark that a label names is there, once', () => {
  const text = page(sample, more)
  const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  const named = [...text.matchAll(/aria-labelledby="([^"]+)"/g)].flatMap(([, names]) =>
    (names ?? '').split(' '),
  )
  expect(ids).toEqual(expect.arrayContaining(named))
})
