import pg from 'pg'
import type { Server } from '../../../test/kit/index.ts'
import { kill, poolOn } from './support.ts'

/** One statement of a transaction. */
export interface Step {
  readonly text: string
  readonly values?: unknown[]
}

/** What became of a transaction: of each statement its rows, or the code of the error that ended it. */
export interface Fate {
  readonly answers: readonly Record<string, unknown>[][]
  readonly code: string | undefined
  /** All rows of each table afterwards. */
  readonly tables: Readonly<Record<string, Record<string, unknown>[]>>
}

/**
 * Executes a transaction in a database that is set up anew.
 * @param schema the statements that set it up
 * @param kills before which statements the backend is killed; the number of steps is COMMIT's
 */
export async function fateOf(
  server: Server,
  url: string,
  schema: string,
  steps: readonly Step[],
  kills: readonly number[],
): Promise<Fate> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`DROP SCHEMA public CASCADE; CREATE SCHEMA public; ${schema}`)
  const pool = poolOn(url)
  const client = await pool.connect()
  const answers: Record<string, unknown>[][] = []
  let code: string | undefined
  try {
    await client.query('BEGIN')
    for (const [i, { text, values }] of steps.entries()) {
      if (kills.includes(i)) await kill(server, client)
      const { rows } = await client.query(text, values)
      answers.push(rows)
    }
    if (kills.includes(steps.length)) await kill(server, client)
    await client.query('COMMIT')
  } catch (error) {
    code = String((error as { code?: unknown }).code ?? error)
    await client.query('ROLLBACK')
  }
  client.release()
  await pool.end()
  const tables = await contents(admin)
  await admin.end()
  return { answers, code, tables }
}

async function contents(client: pg.Client): Promise<Fate['tables']> {
  const { rows } = await client.query(
    `SELECT c.relname AS name FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace`,
  )
  const tables: Record<string, Record<string, unknown>[]> = {}
  for (const { name } of rows) {
    const all = await client.query(`SELECT to_jsonb(t) AS row FROM ${pg.escapeIdentifier(name)} t`)
    tables[name] = all.rows.map(({ row }) => row)
  }
  return tables
}

const generated = /^(id|author_id|token|made|drawn)$/
const instant = /^\d{4}-\d\d-\d\dT[\d:.+]+$/

/**
 * The rows without what differs between two runs: generated values are left out, and of the times in a
 * column only their order remains, so that what was equal still is.
 */
export function essence({ tables }: Fate): string {
  const lines: string[] = []
  for (const [table, rows] of Object.entries(tables)) {
    const times = new Map<string, unknown[]>()
    for (const [column, value] of rows.flatMap((row) => Object.entries(row))) {
      if (typeof value !== 'string' || !instant.test(value)) continue
      times.set(column, [...new Set([...(times.get(column) ?? []), value])].sort())
    }
    for (const row of rows) {
      const kept = Object.entries(row).filter(([column]) => !generated.test(column))
      const plain = kept.map(([column, value]) => {
        const place = times.get(column)?.indexOf(value) ?? -1
        return [column, place < 0 ? value : place]
      })
      lines.push(JSON.stringify([table, plain]))
    }
  }
  return lines.sort().join('\n')
}
