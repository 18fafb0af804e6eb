import { type RepriseOptions, tokenTable } from '@reprise/pg'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Action, type Frame, Server, until } from '../../../test/kit/index.ts'
import { loadParser, type Parser } from '../src/keep/parser.ts'
import { listen, poolOn, proxied } from './support.ts'

/*
 * What a session asks of a server on its own account runs in the application's session or database, where
 * anybody may have made a type, a table, a function or an operator that is called like PostgreSQL's.
 */

let server: Server
let parser: Parser
const tokens = { witness: { token: 'app.tokens' } } as const

beforeAll(async () => {
  server = await Server.start()
  const loaded = await loadParser()
  if (loaded === undefined) throw new Error('There is no parser.')
  parser = loaded
})
afterAll(() => server?.dispose())

const schema = `CREATE SCHEMA app; CREATE TABLE app.t (a int);
  CREATE TABLE app.s (id serial, a int, made timestamptz DEFAULT now());
  CREATE FUNCTION app.tell() RETURNS text LANGUAGE sql AS $$SELECT pg_catalog.set_config('app.told', 'yes', false)$$;
  ${tokenTable('app.tokens').create}`

/** A loss on the way, and what the application has executed until then; afterwards it goes on. */
interface Way {
  readonly name: string
  readonly statements: readonly string[]
  /** The frame that is lost, and how; it is the application's own connection's. */
  readonly at: (frame: Frame) => boolean
  readonly action: Action
  readonly options?: RepriseOptions
  /** What must have been asked. */
  readonly asked: RegExp
  /** What is told of it where the session has temporary tables. */
  readonly told: 'mended' | 'anchored'
}

const sends =
  (text: string) =>
  (frame: Frame): boolean =>
    frame.from === 'client' && frame.text === text
const answers =
  (tag: string) =>
  (frame: Frame): boolean =>
    frame.from === 'server' && frame.type === 'C' && frame.text === tag

const ways: readonly Way[] = [
  {
    name: 'a transaction with kept values is replayed',
    statements: ['BEGIN', 'INSERT INTO app.s (a) VALUES (1) RETURNING id', 'TABLE app.t'],
    at: sends('TABLE app.t'),
    action: 'reset',
    asked: /pg_partition_tree/,
    told: 'anchored',
  },
  {
    name: 'a COMMIT is resolved',
    statements: ['BEGIN', 'INSERT INTO app.t VALUES (1)', 'COMMIT'],
    at: answers('COMMIT'),
    action: 'reset',
    asked: /pg_xact_status/,
    told: 'mended',
  },
  {
    name: 'a COMMIT is resolved by its token',
    statements: ['BEGIN', 'INSERT INTO app.t VALUES (1)', 'COMMIT'],
    at: answers('COMMIT'),
    action: 'reset',
    options: tokens,
    asked: /^SELECT token FROM/,
    told: 'mended',
  },
  {
    name: 'a read is proved to have been one',
    statements: ['TABLE app.t'],
    at: answers('SELECT 1'),
    action: 'reset',
    asked: /SET LOCAL search_path.*\nWITH builtin AS MATERIALIZED/,
    told: 'anchored',
  },
  {
    name: 'a setting that a function made is made again',
    statements: ['SELECT app.tell()', "SELECT pg_catalog.current_setting('app.told')"],
    at: sends("SELECT pg_catalog.current_setting('app.told')"),
    action: 'reset',
    asked: /FROM pg_catalog.pg_prepared_statements/,
    told: 'anchored',
  },
  {
    name: 'a silent connection is looked at from another one',
    statements: ['INSERT INTO app.t VALUES (2)', 'SELECT a FROM app.t'],
    at: sends('SELECT a FROM app.t'),
    action: 'drop',
    options: { probeAfter: 50 },
    asked: /state_change/,
    told: 'anchored',
  },
]

interface Seen {
  readonly asked: ReadonlySet<string>
  readonly failure: unknown
  readonly advice: readonly unknown[]
}

/** Goes that way, where `prepare` has made what it is to be disturbed by. */
async function go(way: Way, prepare = ''): Promise<Seen> {
  await using link = await proxied(server)
  const admin = new pg.Client({ connectionString: link.direct })
  await admin.connect()
  await admin.query(`${schema}; INSERT INTO app.t VALUES (0)`)
  await admin.end()
  using advice = listen('reprise:advice')
  const pool = poolOn(link.url, way.options)
  const client = await pool.connect()
  const mine = new Set(['BEGIN', 'COMMIT', ...way.statements])
  const asked = new Set<string>()
  if (prepare !== '') await client.query(prepare)
  let lost = false
  link.proxy.onFrame((frame) => {
    if (frame.from === 'client' && frame.text !== '') asked.add(frame.text)
    if (lost || !way.at(frame)) return 'pass'
    lost = true
    return way.action
  })
  let failure: unknown
  try {
    for (const text of way.statements) await client.query(text)
    if (way.statements[0] === 'BEGIN' && !way.statements.includes('COMMIT')) {
      await client.query('COMMIT')
    }
  } catch (error) {
    failure = error
  }
  client.release(true)
  await pool.end()
  await until(() => lost, { what: 'the loss' })
  for (const text of mine) asked.delete(text)
  return { asked, failure, advice: advice.seen }
}

type Json = { readonly [key: string]: unknown } | readonly unknown[] | string | number | boolean

const wordsOf = (list: unknown): string[] =>
  ((list ?? []) as { String?: { sval?: string } }[]).map(({ String: word }) => word?.sval ?? '')

/** Names in a statement that are looked for where anybody may have put another thing. */
function loose(tree: Json, operators: boolean): string[] {
  const found: string[] = []
  const tables = new Set<string>()
  const visit = (node: unknown, visitor: (kind: string, of: Record<string, unknown>) => void) => {
    if (typeof node !== 'object' || node === null) return
    for (const [kind, of] of Object.entries(node)) {
      if (typeof of === 'object' && of !== null) visitor(kind, of as Record<string, unknown>)
      visit(of, visitor)
    }
  }
  visit(tree, (kind, of) => {
    if (kind === 'CommonTableExpr') tables.add(String(of.ctename))
  })
  visit(tree, (kind, of) => {
    if (kind === 'FuncCall' && wordsOf(of.funcname)[0] !== 'pg_catalog') {
      found.push(wordsOf(of.funcname).join('.'))
    }
    if (/typeName/i.test(kind) && wordsOf(of.names)[0] !== 'pg_catalog') {
      found.push(wordsOf(of.names).join('.'))
    }
    if (/^(RangeVar|relation)$/.test(kind) && of.relname !== undefined) {
      const own = of.schemaname === 'pg_catalog' || of.schemaname === 'app'
      if (!own && !tables.has(String(of.relname))) found.push(String(of.relname))
    }
    if (operators && kind === 'A_Expr' && wordsOf(of.name)[0] !== 'pg_catalog') {
      found.push(wordsOf(of.name).join('.'))
    }
    if (operators && kind === 'JoinExpr' && of.usingClause !== undefined) found.push('USING')
    if (operators && kind === 'CaseExpr' && of.arg !== undefined) found.push('CASE')
  })
  return found
}

const ownPath = 'SET LOCAL search_path = pg_catalog, pg_temp;'
/** What is sent by an application only: settings made again, statements, rewritten or not. */
const application = /^(BEGIN|SET|RESET|COMMIT|ROLLBACK|INSERT INTO (app\.)?[st] )/i

describe.each(ways)('where $name', (way) => {
  it('what the session asks names all of it with its schema, or brings a search_path of its own', async () => {
    const { asked, failure } = await go(way)
    expect(failure).toBeUndefined()
    expect([...asked].filter((text) => way.asked.test(text))).not.toEqual([])
    const questions = [...asked].filter((text) => !text.includes(ownPath))
    for (const text of questions.filter((text) => !application.test(text))) {
      const tree = parser.read(text)
      expect(tree, text).toBeDefined()
      // What Keep is told are types and defaults as they are written under the application's own path.
      const operators = !text.includes('pg_get_expr(') && !text.startsWith('SELECT token FROM')
      expect(loose(tree as Json, operators), text).toEqual([])
    }
  })
  it('temporary tables that are called like all of PostgreSQL are in nobody’s way', async () => {
    const { failure, advice } = await go(way, named)
    const told = failure === undefined ? 'mended' : (failure as { reason?: string }).reason
    expect(told).toBe(way.told)
    expect(advice).toEqual([])
  })
})

/** A temporary table of the name of each relation and type of PostgreSQL's. */
const named = `DO $$DECLARE name text; BEGIN
  FOR name IN SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = 'pg_catalog'::pg_catalog.regnamespace
   AND relkind IN ('r', 'v')
  UNION SELECT typname FROM pg_catalog.pg_type WHERE typnamespace = 'pg_catalog'::pg_catalog.regnamespace
   AND typname !~ '^_' AND typtype = 'b'
  LOOP EXECUTE pg_catalog.format('CREATE TEMP TABLE %I ()', name); END LOOP;
  END$$`
