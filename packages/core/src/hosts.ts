/** Which servers of several will do, in libpq's words (libpq, "target_session_attrs"). */
export type Target = 'any' | 'primary' | 'standby' | 'prefer-standby' | 'read-write' | 'read-only'

/** All of them. */
export const targets: readonly Target[] = [
  'any',
  'primary',
  'standby',
  'prefer-standby',
  'read-write',
  'read-only',
]

/** In which order hosts are tried, in libpq's words: as given, or each time in another. */
export type LoadBalance = 'disable' | 'random'

/** Both of them. */
export const loadBalances: readonly LoadBalance[] = ['disable', 'random']

/** A host as it was written; where it names no port, the configuration's own counts. */
export interface Host {
  readonly host: string
  readonly port: number | undefined
}

/** A directory of sockets, an address in brackets, a name or an IPv4 address; each may have a port. */
const forms: readonly RegExp[] = [
  /^(\/[^:]*)(?::(\d+))?$/,
  /^\[([0-9a-f:.]+(?:%[\w.]+)?)\](?::(\d+))?$/i,
  /^([^\s/:@,[\]]+)(?::(\d+))?$/,
]

/** An IPv6 address without brackets, which can have no port. */
const bare = /^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*(?:%[\w.]+)?$/i

/** Reads `host`, `host:port`, `[::1]:port` or `/directory`; undefined where it is none of them. */
export function readHost(text: unknown): Host | undefined {
  if (typeof text !== 'string') return undefined
  if (bare.test(text)) return { host: text, port: undefined }
  for (const form of forms) {
    const [, host, port] = form.exec(text) ?? []
    if (host === undefined) continue
    if (port === undefined) return { host, port }
    return isPort(port) ? { host, port: Number(port) } : undefined
  }
  return undefined
}

/** Whether a text is a port. */
export function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 2 ** 16
}
