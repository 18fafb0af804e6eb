import { analyze } from '@reprise/core'
import { reprise } from '@reprise/pg'
import pg from 'pg'
import { Server } from '../kit/index.ts'
import { machine } from './machine.ts'
import type { BenchOptions } from './options.ts'
import type { Section } from './section.ts'
import { median } from './statistics.ts'

/** What a text of one size and sort costs. */
export interface TextFigure {
  readonly sort: string
  /** Characters. */
  readonly size: number
  /** Judging alone, in nanoseconds of CPU, which the neighbours of a machine change little. */
  readonly judging: number
  /** What query() itself takes, by plain pg and through Reprise, in milliseconds of CPU. */
  readonly blocksPlain: number
  readonly blocksReprise: number
  /** Until the answer: the median of the rounds' ratios, above 1 where Reprise is slower. */
  readonly ratio: number
}

let counter = 0

/** Texts of about so many characters, another one each time. */
const sorts: Readonly<Record<string, (size: number) => string>> = {
  // The values of an insert, written out.
  rows: (size) => many('INSERT INTO note VALUES ', size, () => `(${counter++}, 'abcdefghij')`, ','),
  // An update by key, or many of them in one text.
  statements: (size) =>
    many('', size, () => `UPDATE item SET amount = amount + 1 WHERE id = ${counter++}`, ';\n'),
  list: (size) =>
    many('SELECT id FROM item WHERE id IN (', size, () => String(counter++), ',', ')'),
  string: (size) => `SELECT length('${counter++}${'x'.repeat(Math.max(0, size - 20))}')`,
}

const sizes = [10, 100, 1000, 10_000, 100_000, 1_000_000, 5_000_000, 20_000_000]

/** Where this many statements in one text are no use to anybody. */
const mostStatements = 100_000

/** Measures texts that were never sent before, from 10 characters to 20 million, one at a time. */
export async function texts(
  { seconds = 1 }: BenchOptions,
  told: (cells: readonly string[]) => void,
): Promise<{ figures: readonly TextFigure[]; section: Section }> {
  const server = await Server.start({ settings: { fsync: 'off' } })
  const figures: TextFigure[] = []
  told(head)
  try {
    const connectionString = await server.createDatabase()
    const plain = new pg.Client({ connectionString })
    const ours = new (reprise().Client)({ connectionString })
    await plain.connect()
    await ours.connect()
    await plain.query(
      'CREATE UNLOGGED TABLE note (id int, name text); CREATE TABLE item (id int PRIMARY KEY, amount int)',
    )
    for (const [sort, make] of Object.entries(sorts)) {
      for (const size of sizes) {
        if (sort === 'statements' && size > mostStatements) continue
        const figure = await measure(plain, ours, sort, size, make, seconds * 1000)
        figures.push(figure)
        told(cellsOf(figure))
      }
    }
    await ours.end()
    await plain.end()
    return { figures, section: sectionOf(figures, await machine(server)) }
  } finally {
    await server.dispose()
  }
}

const head = [
  'text',
  'characters',
  'judged, us',
  'ns a character',
  'plain blocks, ms',
  'reprise blocks, ms',
  'ratio of time',
]

function cellsOf({ sort, size, judging, blocksPlain, blocksReprise, ratio }: TextFigure): string[] {
  return [
    sort,
    String(size),
    (judging / 1000).toFixed(1),
    (judging / size).toFixed(2),
    blocksPlain.toFixed(2),
    blocksReprise.toFixed(2),
    ratio.toFixed(2),
  ]
}

function sectionOf(figures: readonly TextFigure[], where: Section['machine']): Section {
  return {
    name: 'texts',
    title: 'Texts that were never sent before',
    words:
      'One at a time, over one connection. What judging a text costs alone, how long the call of query() blocks the loop, and how much longer than by plain pg its answer takes (median of the rounds; goal: at most 1.1, and 5 million characters judged in under 25 ms).',
    machine: where,
    head,
    rows: figures.map(cellsOf),
    plots: [
      {
        kind: 'bars',
        title: 'Judging about 5 million characters',
        unit: 'ms',
        bars: figures
          .filter(({ size }) => size > 4_000_000 && size < 6_000_000)
          .map(({ sort, judging }) => ({ name: sort, value: judging / 1e6, tone: 'with' })),
      },
    ],
  }
}

async function measure(
  plain: pg.Client,
  ours: pg.Client,
  sort: string,
  size: number,
  make: (size: number) => string,
  milliseconds: number,
): Promise<TextFigure> {
  const rounds: { judging: number; plain: Turn; reprise: Turn }[] = []
  const until = performance.now() + milliseconds
  // Short ones are sent in volleys: one alone takes no longer than the clock can tell.
  const count = Math.max(1, Math.min(200, Math.floor(20_000 / size)))
  for (let round = 0; round < 5 || performance.now() < until; round++) {
    const fresh = Array.from({ length: count }, () => make(size))
    const from = cpu()
    for (const text of fresh) analyze(text)
    const judging = ((cpu() - from) * 1e6) / count
    const first = round % 2 === 0
    const a = await turn(first ? plain : ours, make, size, count)
    const b = await turn(first ? ours : plain, make, size, count)
    rounds.push({ judging, plain: first ? a : b, reprise: first ? b : a })
    await plain.query('TRUNCATE note')
  }
  // What ran before the compiler had seen it says nothing.
  const warm = rounds.slice(Math.floor(rounds.length / 4))
  return {
    sort,
    size: make(size).length,
    judging: mean(warm.map(({ judging }) => judging)),
    blocksPlain: mean(warm.map(({ plain }) => plain.blocks)),
    blocksReprise: mean(warm.map(({ reprise }) => reprise.blocks)),
    ratio: median(warm.map(({ plain, reprise }) => reprise.whole / plain.whole)),
  }
}

/** CPU is told in ticks, so that only many together say something. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** What this thread has used, in milliseconds. */
function cpu(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

interface Turn {
  readonly blocks: number
  readonly whole: number
}

async function turn(
  client: pg.Client,
  make: (size: number) => string,
  size: number,
  count: number,
): Promise<Turn> {
  const fresh = Array.from({ length: count }, () => make(size))
  let blocks = 0
  const from = performance.now()
  for (const text of fresh) {
    const asked = cpu()
    const answer = client.query(text)
    blocks += cpu() - asked
    await answer
  }
  return { blocks: blocks / count, whole: performance.now() - from }
}

function many(
  before: string,
  size: number,
  piece: () => string,
  separator: string,
  behind = '',
): string {
  const pieces: string[] = []
  for (let length = before.length + behind.length; pieces.length === 0 || length < size; ) {
    const made = piece()
    pieces.push(made)
    length += made.length + separator.length
  }
  return before + pieces.join(separator) + behind
}
