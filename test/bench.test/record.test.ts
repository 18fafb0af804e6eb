import { expect, test } from 'vitest'
import { manners, modelled } from '../bench/herd-model.ts'
import { optionsOf } from '../bench/options.ts'
import { page } from '../bench/page/page.ts'
import { withSection } from '../bench/record.ts'
import type { Section } from '../bench/section.ts'

const section = (name: string, cell: string): Section => ({
  name,
  title: `About ${name}`,
  words: 'As it was done.',
  machine: { made: '2026-01-01', words: 'one machine' },
  head: ['what', 'how much'],
  rows: [['it', cell]],
  plots: [
    { kind: 'bars', title: 'bars', unit: 'ms', bars: [{ name: 'a<b', value: 0, tone: 'with' }] },
    {
      kind: 'curves',
      title: 'curves',
      x: 'ms',
      y: 'a second',
      curves: [
        {
          name: 'one',
          tone: 'other',
          points: [
            [0, 1],
            [10, 2],
          ],
        },
      ],
    },
    {
      kind: 'ratios',
      title: 'ratios',
      marks: [{ title: 'read', ratio: 0.9, within: 0.01, cpu: 0.95, goal: 0.98 }],
    },
  ],
})

test('a part that is measured again takes its own place and leaves the others alone', () => {
  const first = ['texts', 'hot-path', 'memory'].reduce(
    (text, name) => withSection(text, section(name, 'old')),
    '# Benchmarks\n',
  )
  const titles = [...first.matchAll(/^## About (.*)$/gm)].map(([, title]) => title)
  expect(titles).toEqual(['hot-path', 'texts', 'memory'])
  const second = withSection(first, section('texts', 'new'))
  expect(second.match(/\| it \| old \|/g)).toHaveLength(2)
  expect(second.match(/\| it \| new \|/g)).toHaveLength(1)
  expect(second.replace('| it | new |', '| it | old |')).toBe(first)
})

test('the report draws every kind of plot, and runs nothing', () => {
  const report = page([section('texts', '1 <b>')])
  expect(report).toContain('1 &lt;b&gt;')
  expect(report).toContain('a&lt;b')
  expect(report).not.toMatch(/NaN|Infinity|undefined|<script/)
})

test('in the model nobody is served faster than the server can, and it is the same each time', () => {
  for (const manner of manners) {
    const found = modelled(manner, 1000)
    expect(found).toEqual(modelled(manner, 1000))
    // 3 s down, then 1000 connects of 5 ms, two at a time.
    expect(found.served).toBeGreaterThanOrEqual(5500)
    expect(found.curve.reduce((sum, count) => sum + count, 0)).toBe(found.tries)
  }
})

test('ours knock least while the server is down', () => {
  const [ours = 0, ...others] = manners.map((manner) => modelled(manner, 2000).tries)
  for (const tries of others) expect(tries).toBeGreaterThan(ours)
})

test('the command line', () => {
  expect(optionsOf(['herd', '--json'])).toMatchObject({ measure: 'herd', json: true })
  expect(optionsOf(['--latency', '1ms', '--only', 'read'])).toMatchObject({
    measure: 'hot-path',
    latency: 1,
    only: ['read'],
  })
  expect(() => optionsOf(['nothing'])).toThrow('There is nothing to measure')
  expect(() => optionsOf(['--rounds', '0'])).toThrow('--rounds takes a number above 0')
  expect(() => optionsOf(['--rounds', '2'])).toThrow('at least 3')
})
