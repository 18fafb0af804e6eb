import type { Server } from '../server.ts'
import type { Finding } from './finding.ts'

interface Table {
  readonly keyed: boolean
  readonly insertable: boolean
  readonly role: string
}

const advice = "create it with tokenTable('schema.table').create of @reprise/pg, as a migration."

/** Whether a table of tokens is there, has its key, and may be written to. */
export async function tokenFinding(server: Server, name: string | undefined): Promise<Finding> {
  const what = 'token table'
  if (name === undefined) {
    return {
      what,
      verdict: 'ok',
      says: 'not looked at; only a failover that loses commits needs one (--token-table NAME).',
    }
  }
  const [table] = await server.rows<Table>(
    `SELECT current_user AS role,
       pg_catalog.has_table_privilege(c.oid, 'INSERT') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
         AS insertable,
       EXISTS (SELECT FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
         WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1
           AND a.attname = 'token' AND a.atttypid = 'pg_catalog.uuid'::pg_catalog.regtype) AS keyed
     FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)`,
    [name],
  )
  if (table === undefined)
    return { what, verdict: 'bad', says: `there is no ${name}.`, fix: advice }
  if (!table.keyed) {
    return { what, verdict: 'bad', says: `${name} has no unique key on token uuid.`, fix: advice }
  }
  return table.insertable
    ? { what, verdict: 'ok', says: `${name} is there.` }
    : {
        what,
        verdict: 'bad',
        says: `this role may not use ${name}.`,
        fix: `GRANT SELECT, INSERT ON ${name} TO "${table.role}";`,
      }
}
