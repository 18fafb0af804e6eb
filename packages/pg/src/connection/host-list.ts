import {
  type Host,
  isPort,
  type LoadBalance,
  loadBalances,
  readHost,
  type Settings,
  type Target,
  targets,
} from '@reprise/core'
import type { ClientConfig } from 'pg'
import type { Address } from './address.ts'
import type { PgClient } from './wire.ts'

type Config = string | ClientConfig | undefined

/** The servers of which a session wants one. */
export interface HostList {
  /** What pg can make a client of: it knows of one host at most. */
  readonly config: Config
  readonly target: Target
  /** Whether they are tried in another order each time. */
  readonly shuffled: boolean
  /** All of them, in the order in which they were given; what is left open is as pg fills it in. */
  addresses(client: PgClient): readonly Address[]
}

/** A connection string, taken apart where several hosts may stand; user and password stay unread. */
const form = /^([a-z][a-z\d+.-]*:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/is

/**
 * Reads which servers are wanted: those of reprise()'s options, or else those that the configuration
 * names in libpq's way, in a connection string or in `host` and `port`. The same for the target and the
 * order, which libpq also takes from the environment.
 *
 * @throws TypeError with one sentence that says what is wrong
 */
export function hostListOf(
  config: Config,
  settings: Pick<Settings, 'hosts' | 'target' | 'loadBalanceHosts'>,
): HostList {
  const string = typeof config === 'string' ? config : config?.connectionString
  const [, start = '', authority = '', end = ''] = form.exec(string ?? '') ?? []
  const parameters = new URLSearchParams(/\?([^#]*)/.exec(end)?.[1])
  const several = authority.includes(',') ? authority.split(',') : undefined
  const named = (settings.hosts ?? several?.map(decoded))?.map(hostOf)
  const given = (name: string): string | undefined => parameters.get(name) ?? undefined
  const balance = known<LoadBalance>(loadBalances, 'load_balance_hosts', given)
  const target = known<Target>(targets, 'target_session_attrs', given)
  return {
    config: several === undefined ? config : withHost(config, start + bare(several[0]) + end),
    target: settings.target ?? target ?? 'any',
    shuffled: (settings.loadBalanceHosts ?? balance) === 'random',
    addresses(client) {
      const { host, port } = client
      const listed = named ?? (host.includes(',') ? host.split(',').map(hostOf) : undefined)
      if (listed === undefined) return [{ host, port }]
      const ports = named === undefined ? portsOf(string, given('port'), config) : []
      if (ports.length > 1 && ports.length !== listed.length) {
        throw new TypeError(
          `There are ${listed.length} hosts and ${ports.length} ports: give one port, or as many as hosts.`,
        )
      }
      return listed.map((each, at) => ({
        host: each.host,
        port: each.port ?? portOf(ports[at]) ?? port,
      }))
    },
  }
}

/** The addresses that several hosts share a list of ports for, as libpq takes it. */
function portsOf(
  string: string | undefined,
  inString: string | undefined,
  config: Config,
): string[] {
  const own = typeof config === 'object' && string === undefined ? config.port : undefined
  const text = String(inString ?? own ?? process.env.PGPORT ?? '')
  return text.includes(',') ? text.split(',') : []
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (!isPort(text)) throw new TypeError(`'${text}' is no port: give a number from 1 to 65535.`)
  return Number(text)
}

function hostOf(text: string): Host {
  const host = readHost(text)
  if (host !== undefined) return host
  throw new TypeError(`'${text}' is no host: write 'host' or 'host:port', and a comma between two.`)
}

/** One of a few words, by the connection string or else by libpq's variable of that name. */
function known<T extends string>(
  words: readonly T[],
  name: string,
  given: (name: string) => string | undefined,
): T | undefined {
  const variable = `PG${name.replaceAll('_', '').toUpperCase()}`
  const written = given(name)
  // As pg reads its own: one that is empty is not set.
  const word = written ?? (process.env[variable] || undefined)
  if (word === undefined || (words as readonly string[]).includes(word)) return word as T
  const where =
    written === undefined
      ? `${variable}=${word} in the environment`
      : `${name}=${word} in the connection string`
  throw new TypeError(`${where} must be ${words.join(', ')}.`)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The host without its port: pg fills in for all of them what has none. */
function bare(host = ''): string {
  return host.replace(/:\d*$/, '')
}

function withHost(config: Config, connectionString: string): Config {
  if (typeof config !== 'object') return connectionString
  // Pools hide passwords and keys from enumeration.
  const own = Object.getOwnPropertyDescriptors(config)
  const copy: ClientConfig = Object.create(Object.getPrototypeOf(config), own)
  return Object.defineProperty(copy, 'connectionString', { value: connectionString })
}
