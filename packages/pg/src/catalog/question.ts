/** By which every question to the catalog begins, as the whole message that it is. */
const start = 'SET LOCAL statement_timeout = 0; '

/**
 * A question to the catalog, sent as one message: the settings are those of its own transaction. By
 * this search_path no operator or function of the database's own can take the place of PostgreSQL's,
 * nor a temporary table that of a type (where pg_temp is not named it is searched first, namespace.c),
 * and no short statement_timeout of the application's comes between. It waits for no lock of others:
 * to show a body in SQL locks what that reads.
 *
 * @param before what is asked by the session's own search_path: all names of PostgreSQL's are qualified there
 */
export function questionOf(select: string, before = ''): string {
  return `${start}SET LOCAL lock_timeout = '1s'; ${before}SET LOCAL search_path = pg_catalog, pg_temp;
${select}`
}

/**
 * A question as it is asked where there is a transaction_timeout (since PostgreSQL 17). One that is shorter
 * than the reading of a large catalog would end the connection at each question, and so at each recovery.
 */
export function untimed(text: string): string {
  if (!text.startsWith(start)) return text
  return `${start}SET LOCAL transaction_timeout = 0; ${text.slice(start.length)}`
}

/** A string as it is read whatever standard_conforming_strings says. */
export function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
