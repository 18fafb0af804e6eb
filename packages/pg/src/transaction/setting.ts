/** The key of a setting of the session; role and session_authorization have keys of their own. */
export function keyOfSetting(name: string): string {
  const lower = name.toLowerCase()
  if (lower === 'role') return 'role'
  return lower === 'session_authorization' ? 'authorization' : `set:${lower}`
}

/** The name of the setting that has this key. */
export function nameOf(key: string): string {
  return key === 'authorization' ? 'session_authorization' : key.replace(/^set:/, '')
}

/** The statement that sets it. NULL resets it, as guc_funcs.c set_config_by_name does. */
export function toSet(name: string, value: string | null): string {
  const shown = value === null ? 'NULL' : literal(value)
  return `SELECT pg_catalog.set_config(${literal(name)}, ${shown}, false)`
}

/** The statement that goes back to what a new connection starts with. */
export function undoing(key: string): string {
  if (key === 'role') return 'RESET ROLE'
  if (key === 'authorization') return 'RESET SESSION AUTHORIZATION'
  return `RESET ${nameOf(key).split('.').map(quoted).join('.')}`
}

/** A name in double quotes. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A literal that is read the same whatever standard_conforming_strings says. */
function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** As PostgreSQL reads a boolean parameter that pg sent as text. */
export function isTrue(value: unknown): boolean {
  return /^\s*(t|tr|tru|true|y|ye|yes|on|1)\s*$/i.test(String(value))
}
