import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Counters, counters } from '@reprise/core'
import { describe, expect, it, vi } from 'vitest'
import { Browser, findBrowser } from '../../../test/kit/index.ts'
import { type DrillOrder, orderOf } from '../src/arguments.ts'
import { History } from '../src/history.ts'
import { page } from '../src/picture/page.ts'
import { progressLine, summary } from '../src/words.ts'

vi.setConfig({ testTimeout: 60_000 })

const nasty = `<script>alert("x")</script>&${'a-name-that-does-not-end-'.repeat(5)}`

function ordered(...more: string[]): DrillOrder {
  const order = orderOf(['--application-name', nasty, ...more], { DATABASE_URL: 'postgres://h/d' })
  if (order.do !== 'drill') throw new Error('that is no drill')
  return order
}

const none: Counters = { ...counters(), losses: 0, mended: 0 }

/** A drill that lasted for so many readings, in which something of everything happened. */
function drilled(readings: number): History {
  const history = new History()
  const targets = [{ pid: 1, role: 'app', doing: 'idle' as const }]
  history.hear(none)
  for (let at = 1; at <= readings; at++) {
    history.note([
      { ...targets[0]!, done: true },
      { pid: 2, role: 'app', doing: 'in-commit', done: true },
      { pid: 3, role: 'app', doing: 'active', done: false },
    ])
    history.see(at === 2 ? undefined : targets)
    const surfaced = { ...none.surfaced, 'in-doubt': at, 'rolled-back': at }
    history.hear(at === 3 ? undefined : { ...none, losses: at * 4, mended: at * 2, surfaced })
  }
  return history
}

describe('the history', () => {
  it('counts what was hit, and what the application added', () => {
    const { hits, byDoing, counted, unreachable, silent } = drilled(5)
    expect(hits).toBe(10)
    expect([...byDoing]).toEqual([
      ['idle', 5],
      ['in-commit', 5],
    ])
    expect(counted).toMatchObject({ losses: 20, mended: 10, surfaced: { 'in-doubt': 5 } })
    expect([unreachable, silent]).toEqual([1, 1])
  })
  it('goes on counting when the application was started again', () => {
    const history = drilled(5)
    history.hear({ ...none, losses: 1, mended: 1 })
    expect(history.counted).toMatchObject({ losses: 21, mended: 11 })
  })
})

describe('words', () => {
  const order = ordered('--for', '1440m', '--counters', 'http://localhost')
  it('of progress fit 80 columns, whatever the numbers', () => {
    const history = drilled(5)
    history.hits = 123_456_789
    history.hear({ ...none, losses: 1e9, mended: 1e9 })
    expect(progressLine(order, history).length).toBeLessThan(80)
    expect(progressLine(ordered(), new History())).toContain('0 of 60 s')
  })
  it('of the end say what is known, and that something is not', () => {
    expect(summary(order, drilled(5)).join(' ')).toContain(
      '10 errors surfaced: 5 rolled-back, 5 in-doubt.',
    )
    expect(summary(order, new History()).join(' ')).toContain('told no counters')
    expect(summary(ordered(), new History()).join(' ')).toContain('pass --counters')
  })
})

it('the report is one file: it fetches nothing, runs nothing and shows names as they are', () => {
  const text = page({ order: ordered(), history: drilled(5), place: 'db:5432/shop' })
  expect(text).not.toContain('<script')
  expect(text).toContain('&#60;script&#62;')
  expect(text).not.toMatch(/(?:src|href)="(?!data:)/)
  expect(text).not.toContain('undefined')
})

const browserless = findBrowser() === undefined
describe.skipIf(browserless)(
  'in Chromium (skipped where there is none: apt-get install chromium)',
  () => {
    it('the report fits a desk and a phone, light and dark, without a complaint', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'reprise-drill-'))
      const browser = await Browser.start()
      const look = async (file: string, width: number, dark: boolean): Promise<string> => {
        const shown = await browser.open(pathToFileURL(file).href, { width, dark })
        expect(
          await shown.evaluate<number>('document.documentElement.scrollWidth - innerWidth'),
        ).toBeLessThanOrEqual(0)
        expect(shown.complaints).toEqual([])
        const ground = await shown.evaluate<string>(
          'getComputedStyle(document.body).backgroundColor',
        )
        await shown.close()
        return ground
      }
      for (const [name, history] of [
        ['all', drilled(5)],
        ['nothing', new History()],
      ] as const) {
        const file = join(folder, `${name}.html`)
        await writeFile(file, page({ order: ordered(), history, place: 'db:5432/shop' }))
        for (const width of [1280, 390]) {
          expect(await look(file, width, false)).not.toBe(await look(file, width, true))
        }
      }
      await browser.close()
      await rm(folder, { recursive: true })
    })
  },
)
