import type { Inquiry } from '../connection/inquiry.ts'
import type { Exchange } from '../exchange/exchange.ts'

const elsewhere = (schema: string): string =>
  `${schema} OPERATOR(pg_catalog.<>) ALL ('{pg_catalog,information_schema}'::pg_catalog.regnamespace[])`
const named = (name: string): string =>
  `pg_catalog.strpos(pg_catalog.lower($1), pg_catalog.lower(${name}::pg_catalog.text)) OPERATOR(pg_catalog.>) 0`

/**
 * What gives an order to rows and does not show in a statement: a view that sorts, another server, a
 * function that returns a set and is called as if it were a column or an operator. A name that is
 * written with escapes in it could be any.
 */
const question = `SELECT
 EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{v,f}')
  AND ${elsewhere('c.relnamespace')} AND ${named('c.relname')})
 OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proretset
  AND ${elsewhere('p.pronamespace')} AND ${named('p.proname')})
 OR EXISTS (SELECT FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p
  ON p.oid OPERATOR(pg_catalog.=) o.oprcode WHERE p.proretset)`

/**
 * Whether the rows that a statement answered may as well come in another order: nothing in its text
 * gives them one, and the catalog knows of nothing behind it that does. Asked only where two runs
 * brought the same rows in another order.
 *
 * @throws Interrupted when the connection ends
 */
export async function isOrderFree(
  { statement, text = '', error }: Exchange,
  ask: Inquiry,
): Promise<boolean> {
  if (!statement.orderFree || error !== undefined || /u&"/i.test(text)) return false
  // A quote inside a quoted name is written twice.
  const { rows, code } = await ask(question, [text.replaceAll('""', '"')])
  return code === undefined && rows[0]?.[0] === 'f'
}
