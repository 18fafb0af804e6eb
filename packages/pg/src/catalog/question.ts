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
  return `SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '1s'; ${before}SET LOCAL search_path = pg_catalog, pg_temp;
${select}`
}

/** A string as it is read whatever standard_conforming_strings says. */
export function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
