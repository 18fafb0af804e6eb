import type { Raw } from '../connection/wire.ts'

/** What a session holds by the server's own word, outside a transaction. */
export interface SessionFacts {
  /** Who answered. */
  readonly pid: number
  /** Settings that were made in the session, by their key; null for one that was asked after and is not. */
  readonly settings: ReadonlyMap<string, string | null>
  /** The texts of the statements that SQL prepared, by name. */
  readonly prepared: ReadonlyMap<string, string>
  readonly channels: ReadonlySet<string>
  /** What no new session can be given, by its key, in words. */
  readonly anchors: ReadonlyMap<string, string>
}

/**
 * One statement that tells what the session holds. Placeholders like app.tenant are in no view
 * (guc.c: GUC_NO_SHOW_ALL), so they are asked by name: $1 holds the names, in lower case.
 */
export const factsText: string = `SELECT 'pid' AS kind, CAST(pg_catalog.pg_backend_pid() AS pg_catalog.text) AS name, NULL AS value
UNION ALL SELECT CASE WHEN s.name IS NULL THEN 'custom'
 WHEN s.source OPERATOR(pg_catalog.=) 'session' THEN 'set' ELSE 'unset' END,
 pg_catalog.lower(COALESCE(s.name, n)),
 CASE WHEN s.name IS NULL THEN pg_catalog.current_setting(n, true) ELSE s.setting END
 FROM pg_catalog.unnest(CAST($1 AS pg_catalog.text[])) AS n
 FULL JOIN pg_catalog.pg_settings AS s ON pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) n
 WHERE n IS NOT NULL OR s.source OPERATOR(pg_catalog.=) 'session'
UNION ALL SELECT 'default', pg_catalog.unnest(setconfig), NULL FROM pg_catalog.pg_db_role_setting
UNION ALL SELECT 'role', pg_catalog.current_setting('role'), NULL
UNION ALL SELECT 'authorization', pg_catalog.current_setting('session_authorization'),
 (SELECT CAST(rolname AS pg_catalog.text) FROM pg_catalog.pg_roles AS r WHERE r.oid OPERATOR(pg_catalog.=) a.usesysid)
 FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS a
UNION ALL SELECT 'prepare', name, statement FROM pg_catalog.pg_prepared_statements WHERE from_sql
UNION ALL SELECT 'listen', c, NULL FROM pg_catalog.pg_listening_channels() AS c
UNION ALL SELECT 'advisory', pg_catalog.concat_ws(':', classid, objid, objsubid, mode), NULL
 FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory'
 AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND granted
UNION ALL SELECT 'temp', CAST(relname AS pg_catalog.text), NULL FROM pg_catalog.pg_class
 WHERE relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
UNION ALL SELECT 'temp', CAST(typname AS pg_catalog.text), NULL FROM pg_catalog.pg_type
 WHERE typnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
UNION ALL SELECT 'temp', CAST(proname AS pg_catalog.text), NULL FROM pg_catalog.pg_proc
 WHERE pronamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
UNION ALL SELECT 'temp', pg_catalog.pg_describe_object(classid, objid, objsubid), NULL FROM pg_catalog.pg_depend
 WHERE refclassid OPERATOR(pg_catalog.=) CAST('pg_catalog.pg_namespace' AS pg_catalog.regclass)
 AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
 AND classid OPERATOR(pg_catalog.<>) ALL (CAST('{pg_catalog.pg_class,pg_catalog.pg_type,pg_catalog.pg_proc}' AS pg_catalog.regclass[]))
UNION ALL SELECT 'cursor', name, NULL FROM pg_catalog.pg_cursors WHERE is_holdable`

/** An array of texts as PostgreSQL reads it. */
export function arrayOf(names: Iterable<string>): string {
  return `{${[...names].map((name) => `"${name.replace(/["\\]/g, '\\$&')}"`).join(',')}}`
}

const anchors: { readonly [kind: string]: string } = {
  advisory: 'a session advisory lock',
  temp: 'a temporary table',
  cursor: 'a WITH HOLD cursor',
}

/** Reads what {@link factsText} was answered. */
export function readFacts(rows: readonly (readonly Raw[])[]): SessionFacts {
  let pid = 0
  const settings = new Map<string, string | null>()
  const prepared = new Map<string, string>()
  const channels = new Set<string>()
  const anchored = new Map<string, string>()
  const defaults = new Set<string>()
  for (const row of rows) {
    if (String(row[0]) === 'default') defaults.add(String(row[1]).toLowerCase())
  }
  for (const row of rows) {
    const [kind, name] = [String(row[0]), String(row[1])]
    const value = row[2] === null || row[2] === undefined ? null : String(row[2])
    if (kind === 'pid') pid = Number(name)
    else if (kind === 'set') settings.set(`set:${name}`, value)
    else if (kind === 'unset') settings.set(`set:${name}`, null)
    else if (kind === 'custom') {
      if (!name.includes('.') || settings.has(`set:${name}`)) continue
      const usual = defaults.has(`${name}=${value}`.toLowerCase())
      settings.set(`set:${name}`, usual ? null : value)
    } else if (kind === 'role') settings.set('role', name === 'none' ? null : name)
    else if (kind === 'authorization') settings.set(kind, name === value ? null : name)
    else if (kind === 'prepare') prepared.set(name, value ?? '')
    else if (kind === 'listen') channels.add(name)
    else if (anchors[kind] !== undefined) anchored.set(`${kind}:${name}`, anchors[kind])
  }
  return { pid, settings, prepared, channels, anchors: anchored }
}

const mention =
  /(current_setting\s*\(\s*)?'([a-z_]\w*(?:\.\w+)+)'|\bset\s+(?:session\s+)?([a-z_]\w*(?:\.\w+)+)/gi

/** The names of settings that a text mentions, and those among them that it does not only read. */
export function mentionedIn(text: string): { all: string[]; given: string[] } {
  const all: string[] = []
  const given: string[] = []
  for (const [, read, quoted, set] of text.matchAll(mention)) {
    const name = (quoted ?? set ?? '').toLowerCase()
    all.push(name)
    if (read === undefined) given.push(name)
  }
  return { all, given }
}

/** The name of a setting that a value is. */
export function namesIn(value: string): string[] {
  const isName = value.length <= 128 && /^[a-z_]\w*(\.\w+)+$/i.test(value)
  return isName ? [value.toLowerCase()] : []
}
