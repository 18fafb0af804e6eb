import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { expect, test, vi } from 'vitest'
import { Lane } from '../lanes/lane.ts'
import type { LaneOrder } from '../lanes/messages.ts'
import { Progress } from '../lanes/progress.ts'
import { waitingFor } from '../lanes/waiting.ts'
import { type SubjectName, subjectNames } from '../subjects/index.ts'

const workload = { workers: 4, accounts: 2, periodMs: 333, thinkMs: 0, insertPercent: 0 }

function lanes(): Lane[] {
  return subjectNames.flatMap((subject, at) =>
    [
      { reprise: false as const },
      { reprise: false as const, naiveRetry: true },
      { reprise: {} },
    ].map((kind) => {
      const order = { subject, url: '', seed: 1, workload, ...kind }
      const lane = new Lane(order, { acknowledged() {}, rejected() {} }, () => 0)
      lane.history.acknowledged.push(...Array.from({ length: 12_345 }, (_, i) => i + at))
      lane.history.crashes.push(...Array(1234).fill({ at: 1, reason: '' }))
      return lane
    }),
  )
}

test('what is drawn on a terminal is labelled and fits into 80 columns', () => {
  const stream = Object.assign(new PassThrough(), { isTTY: true })
  let drawn = ''
  stream.on('data', (text) => {
    drawn += text
  })
  const progress = new Progress(stream as unknown as NodeJS.WriteStream)
  const contestants = lanes().map((lane) => ({ lane }))
  progress.watch({ now: 12_400, contestants })
  progress.phase('under fire')
  progress.unwatch()
  stream.end()
  const lines = stripVTControlCharacters(String(drawn || stream.read())).split('\n')
  expect(lines.join('\n')).toMatch(/client +Reprise +the last ten seconds +ok +errors +crashes/)
  expect(lines.filter((line) => line.length > 80)).toEqual([])
  expect(lines.filter((line) => / retry /.test(line)).length).toBeGreaterThanOrEqual(5)
})

const hanging = (subject: SubjectName, open: number, kind: Partial<LaneOrder> = {}) => ({
  open,
  order: { subject, url: '', seed: 1, workload, reprise: false as const, ...kind },
})

test.each([
  [[hanging('mikro-orm', 4)], 'waiting for 4 callers of stock MikroORM that hang, up to 19 s'],
  [
    [hanging('mikro-orm', 3), hanging('mikro-orm', 4, { naiveRetry: true }), hanging('pg', 0)],
    'waiting for 7 callers of stock MikroORM that hang, up to 19 s',
  ],
  [
    [hanging('pg', 1, { reprise: {} })],
    'waiting for 1 caller of node-postgres with Reprise that hangs, up to 19 s',
  ],
  [
    [hanging('pg', 1), hanging('kysely', 2)],
    'waiting for 3 callers of 2 clients that hang, up to 19 s',
  ],
  [
    subjectNames.flatMap((name) => [hanging(name, 4), hanging(name, 4, { reprise: {} })]),
    'waiting for 40 callers of 10 clients that hang, up to 19 s',
  ],
  [[hanging('pg', 0)], 'waiting for the clients to close, up to 19 s'],
])('who is waited for is said in one line that fits', (lanes, line) => {
  expect(waitingFor(lanes, 18_500)).toBe(line)
  expect(`123 s  ${line}`.length).toBeLessThanOrEqual(80)
})

test.each([true, false])(
  'while somebody hangs that is what is told (on a terminal: %s)',
  (isTTY) => {
    vi.useFakeTimers()
    const stream = Object.assign(new PassThrough(), { isTTY })
    const progress = new Progress(stream as unknown as NodeJS.WriteStream)
    const lane = Object.create(lanes()[0]!, { open: { value: 4 } }) as Lane
    const experiment = { now: 60_000, contestants: [{ lane }] }
    progress.watch(experiment)
    progress.waitFor(20_000)
    stream.read()
    experiment.now = 70_000
    vi.advanceTimersByTime(5000)
    progress.unwatch()
    vi.useRealTimers()
    const told = stripVTControlCharacters(String(stream.read()))
    expect(told).toContain('waiting for 4 callers of stock node-postgres that hang, up to 10 s')
    expect(told).not.toContain('acknowledged,')
  },
)
