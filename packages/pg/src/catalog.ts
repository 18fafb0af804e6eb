import type { Inquiry } from './inquiry.ts'

/**
 * Built-in functions marked volatile that change something. All other volatile built-ins (random,
 * clock_timestamp, pg_sleep, nextval: a skipped number harms nobody) may run once more.
 */
const writers = [
  'lo_create',
  'lo_creat',
  'lo_from_bytea',
  'lo_import',
  'lo_put',
  'lo_truncate',
  'lo_truncate64',
  'lo_unlink',
  'lowrite',
  'pg_logical_emit_message',
  'pg_notify',
  'setval',
  'pg_create_logical_replication_slot',
  'pg_create_physical_replication_slot',
  'pg_drop_replication_slot',
  'pg_replication_slot_advance',
  'pg_logical_slot_get_changes',
  'pg_logical_slot_get_binary_changes',
  'pg_promote',
  'pg_switch_wal',
  'pg_create_restore_point',
  'pg_terminate_backend',
  'pg_cancel_backend',
  'pg_reload_conf',
  'pg_rotate_logfile',
  'query_to_xml',
  'query_to_xmlschema',
  'query_to_xml_and_xmlschema',
  'cursor_to_xml',
  'database_to_xml',
  'schema_to_xml',
  'table_to_xml',
  'ts_stat',
  'ts_rewrite',
]

/**
 * Whether none of these functions can write. PostgreSQL refuses to write in a function that is not
 * volatile (functions.c, spi.c: "is not allowed in a non-volatile function"), so the catalog knows.
 * An unknown name (it may be a type, or in a schema we cannot see) counts as harmless only if no
 * function of that name exists at all.
 */
export async function areHarmless(functions: readonly string[], ask: Inquiry): Promise<boolean> {
  const { rows, code } = await ask(
    `SELECT 1 FROM pg_catalog.pg_proc p WHERE p.proname = ANY ($1::text[]) AND p.provolatile = 'v'
 AND (p.pronamespace <> 'pg_catalog'::regnamespace OR p.proname = ANY ($2::text[])) LIMIT 1`,
    [functions, writers],
  )
  return code === undefined && rows.length === 0
}

/** Whether the server process was started less than so many milliseconds ago. */
export async function startedWithin(milliseconds: number, ask: Inquiry): Promise<boolean> {
  const { rows } = await ask(
    `SELECT pg_catalog.pg_postmaster_start_time() > pg_catalog.clock_timestamp() - $1::float8 * interval '1 ms'`,
    [milliseconds],
  )
  return rows[0]?.[0] === 't'
}
