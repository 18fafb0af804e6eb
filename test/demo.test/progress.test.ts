import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { Lane } from '../lanes/lane.ts'
import { Progress } from '../lanes/progress.ts'
import { subjectNames } from '../subjects/index.ts'

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
