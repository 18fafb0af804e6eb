import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { labelOf } from '../src/keep/keep-label.ts'
import { parser } from './keep-scripted.ts'

let client: pg.Client
beforeAll(async () => {
  client = new pg.Client({ connectionString: inject('serverUrl') })
  await client.connect()
})
afterAll(() => client?.end())

/** What stands in FROM, so that there are columns. */
const from =
  "FROM (SELECT 1 AS a, ARRAY[1] AS l, '{}'::jsonb AS j, ROW(1, 2) AS r) AS t WHERE false"

describe('an expression without a name is called as PostgreSQL calls it', () => {
  it.each([
    '1',
    "'x'",
    'NULL',
    'true',
    'a',
    't.a',
    'a + 1',
    '- a',
    'a IS NULL',
    'a IS NOT NULL',
    '(a = 1) IS TRUE',
    'a = 1 AND a = 2',
    'NOT a = 1',
    'a BETWEEN 1 AND 2',
    'a IN (1, 2)',
    'abs(a)',
    'pg_catalog.abs(a)',
    'count(*)',
    'count(*) OVER ()',
    'now()',
    'now()::date',
    'now()::date::text',
    "'2020-01-01'::date",
    "CAST('1' AS pg_catalog.int4)",
    '1::numeric(3, 1)',
    '(a + 1)::bigint',
    "DATE '2020-01-01'",
    "INTERVAL '1 day'",
    "'{1}'::int[]",
    'CURRENT_DATE',
    'CURRENT_TIME',
    'CURRENT_TIME(1)',
    'CURRENT_TIMESTAMP',
    'CURRENT_TIMESTAMP(1)',
    'LOCALTIME',
    'LOCALTIME(1)',
    'LOCALTIMESTAMP',
    'LOCALTIMESTAMP(1)',
    'CURRENT_ROLE',
    'CURRENT_USER',
    'USER',
    'SESSION_USER',
    'CURRENT_CATALOG',
    'CURRENT_SCHEMA',
    'extract(year FROM now())',
    "now() AT TIME ZONE 'utc'",
    'coalesce(a, 1)',
    'nullif(a, 1)',
    'greatest(a, 1)',
    'least(a, 1)',
    'CASE WHEN a = 1 THEN 1 END',
    'CASE WHEN a = 1 THEN now() END',
    'CASE WHEN a = 1 THEN 1 ELSE 2 END',
    'CASE WHEN a = 1 THEN 1 ELSE a END',
    'CASE WHEN a = 1 THEN 1 ELSE abs(a) END',
    'CASE WHEN a = 1 THEN 1 ELSE 2::bigint END',
    '(CASE WHEN a = 1 THEN 1 END)::bigint',
    'ARRAY[1, 2]',
    'ARRAY(SELECT 1)',
    'ROW(1, 2)',
    '(1, 2)',
    'EXISTS (SELECT 1)',
    'a IN (SELECT 1)',
    'a = ANY (SELECT 1)',
    '(SELECT 1)',
    '(SELECT 1 AS b)',
    '(SELECT a)',
    '(SELECT now())',
    '(SELECT 1 AS b UNION SELECT 2 AS c)',
    '(SELECT 1 AS b UNION SELECT 2 AS c UNION SELECT 3 AS d)',
    'l[1]',
    'l[1:2]',
    '(ARRAY[1, 2])[1]',
    "j['a']",
    '(\'x\' COLLATE "C")',
    '(lower(\'x\') COLLATE "C")',
    // A name of its own outlives a cast, and what has none takes that of the type.
    'coalesce(a, 1)::bigint',
    'nullif(a, 1)::bigint',
    'greatest(a, 1)::bigint',
    'least(a, 1)::bigint',
    'l[1]::bigint',
    'EXISTS (SELECT 1)::text',
    'ARRAY(SELECT 1)::text',
    '(a IN (SELECT 1))::text',
    '(SELECT 1)::text',
    '(\'x\' COLLATE "C")::text',
    'CASE WHEN a = 1 THEN 1 ELSE coalesce(a, 1) END',
    'grouping(a)',
    '(t).a',
    '((t).a)::text',
    '(t.r)::text',
  ])('%s', async (expression) => {
    const grouped = expression === 'grouping(a)' ? ' GROUP BY a' : ''
    const { fields } = await client.query(`SELECT ${expression} ${from}${grouped}`)
    expect(labelOf(parser.readExpression(expression))).toBe(fields[0]!.name)
  })
})

describe('of an expression whose name is not known here none is told', () => {
  it.each(['xmlelement(name a)', 'json_object()', '(VALUES (1))', '1 IS JSON', 't.*'])(
    '%s',
    (expression) => {
      expect(labelOf(parser.readExpression(expression))).toBeUndefined()
    },
  )
  it('and none of nothing', () => {
    expect(labelOf(undefined)).toBeUndefined()
    expect(labelOf({})).toBeUndefined()
  })
})
