import type { FieldDef } from 'pg'
import type { Exchange } from '../src/exchange/exchange.ts'
import { Catalog } from '../src/keep/keep-catalog.ts'
import { type Rewrite, Rewriter } from '../src/keep/keep-rewrite.ts'
import { Clock } from '../src/keep/keep-time.ts'
import { loadParser, type Parser } from '../src/keep/parser.ts'
import { exchange, server } from './answers.ts'

/** PostgreSQL's parser, as it is shipped. */
export const parser: Parser = (await loadParser()) as Parser

/** When the transaction began that was lost. */
export const instant = '2026-01-02 03:04:05.678901+00'

/** Name, type, default, and what else is true of a column. */
type ColumnLine = readonly [
  name: string,
  type: string,
  expression?: string | null,
  more?: { readonly identity?: true; readonly touched?: true },
]

/** A table as the catalog tells of it. */
export interface TableLine {
  readonly oid: number
  readonly name: string
  readonly schema?: string
  readonly visible?: boolean
  readonly columns: readonly ColumnLine[] | null
}

const now = 'timestamp with time zone'

/** Tables whose values the database generates. */
export const tables: readonly TableLine[] = [
  {
    oid: 1,
    name: 'item',
    columns: [
      ['id', 'integer', "nextval('item_id_seq'::regclass)"],
      ['name', 'text', null],
      ['at', now, 'now()'],
      ['token', 'uuid', 'gen_random_uuid()'],
      ['day', 'date', 'CURRENT_DATE'],
      ['hits', 'integer', '1'],
      ['made', now, 'clock_timestamp()'],
    ],
  },
  {
    oid: 2,
    name: 'always',
    columns: [
      ['id', 'bigint', null, { identity: true }],
      ['name', 'text'],
    ],
  },
  {
    oid: 3,
    name: 'seen_first',
    columns: [
      ['id', 'integer', "nextval('s'::regclass)", { touched: true }],
      ['at', now, 'now()', { touched: true }],
      ['name', 'text'],
    ],
  },
  {
    oid: 6,
    name: 'mixed',
    columns: [
      ['code', 'text', '((now())::text || (gen_random_uuid())::text)'],
      ['old', 'integer', "nextval('s'::regclass)"],
      ['counted', 'integer', 'draw()'],
    ],
  },
  { oid: 4, name: 'item', schema: 'other', visible: false, columns: [['id', 'integer']] },
]

/** What is read of a database that has these tables. */
export async function catalogOf(
  lines: readonly TableLine[] = tables,
  asks: string | null = 'f',
): Promise<Catalog | undefined> {
  const { system, timeline, crash, postmaster } = server
  const json = JSON.stringify(
    lines.map(({ oid, name, schema = 'public', columns }) => [
      oid,
      schema,
      name,
      columns?.map(([column, type, expression = null, { identity, touched } = {}], i) => [
        ...[column, i + 1, type, identity === true, expression, touched === true],
      ]) ?? null,
    ]),
  )
  const visible = lines.filter((line) => line.visible !== false).map(({ oid }) => oid)
  return Catalog.read([1], parser, async () => ({
    rows: [[`{${visible}}`], [system, timeline, crash, postmaster, asks, json, '600', '701']],
    code: undefined,
  }))
}

/** A column of an answer: its name, and the table and the column that it came from. */
export type Field = readonly [name: string, table?: number, column?: number]

/** A statement with the answer that it got. */
export function answered(
  text: string,
  fields: readonly Field[] = [],
  ...rows: readonly (string | null)[][]
): Exchange {
  const shape = fields.map(([name, tableID = 0, columnID = 0]) => ({ name, tableID, columnID }))
  return exchange(text, { shape: shape as FieldDef[], taped: rows } as Partial<Exchange>)
}

/** How a statement is rewritten. */
export interface How {
  /** When the transaction began; null where that is not kept. */
  readonly at?: string | null
  readonly serials?: boolean
  readonly namesHold?: boolean
  readonly lines?: readonly TableLine[]
}

/** What becomes of a statement that was answered, or of one that is yet to be sent. */
export async function rewritten(sent: Exchange | string, how: How = {}): Promise<Rewrite> {
  const { at = instant, serials = true, namesHold = true, lines = tables } = how
  const catalog = (await catalogOf(lines)) as Catalog
  const clock = at === null ? undefined : new Clock(parser, at)
  const rewriter = new Rewriter(parser, catalog, clock, serials, namesHold)
  return typeof sent === 'string'
    ? rewriter.rewrite(sent, undefined)
    : rewriter.rewrite(sent.text ?? '', sent)
}
