import type { Inquiry } from '../connection/inquiry.ts'
import type { Exchange } from '../exchange/exchange.ts'

/**
 * What gives an order to rows and does not show in a statement: a view that sorts, another server, a
 * function that returns a set and is called as if it were a column or an operator. A name that is
 * written with escapes in it could be any.
 */
const question = `SELECT
 EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relkind IN ('v', 'f')
  AND c.relnamespace NOT IN ('pg_catalog'::pg_catalog.regnamespace, 'information_schema'::pg_catalog.regnamespace)
  AND pg_catalog.strpos(pg_catalog.lower($1::pg_catalog.text), pg_catalog.lower(c.relname::pg_catalog.text)) > 0)
 OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proretset
  AND p.pronamespace NOT IN ('pg_catalog'::pg_catalog.regnamespace, 'information_schema'::pg_catalog.regnamespace)
  AND pg_catalog.strpos(pg_catalog.lower($1::pg_catalog.text), pg_catalog.lower(p.proname::pg_catalog.text)) > 0)
 OR EXISTS (SELECT FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
  WHERE p.proretset)`

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
