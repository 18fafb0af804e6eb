import { publish, type Settings, type Target } from '@reprise/core'
import type { Address } from '../connection/address.ts'
import { Reaper } from '../connection/reaper.ts'
import type { PgClient, PgClientClass } from '../connection/wire.ts'
import { tokenTable } from '../witness/token.ts'
import type { ExchangeClass } from './exchange.ts'
import { exchangeClassOf } from './recorded-query.ts'
import {
  type HostsShare,
  type Identity,
  type ServerShare,
  sharedAmong,
  sharedWith,
} from './servers.ts'
import { valueMapperOf } from './values.ts'
import { wrapperOf } from './wrapper.ts'

/** A session, as far as it can be killed. */
export interface Killable {
  readonly processID: number | null
  abandon(): void
}

/** What all sessions of one call of reprise() share. */
export interface Shared {
  readonly Base: PgClientClass
  readonly Exchange: ExchangeClass
  /** What stands in the place of pg's own query() now, if anything does. */
  readonly wrapper: ReturnType<typeof wrapperOf>
  readonly mapper: (value: unknown, index: number) => unknown
  readonly settings: Settings
  /** The same without a witness but tokens, for a server that would not answer one. */
  readonly unwitnessed: Settings
  readonly reaper: Reaper
  /** Whether the witness may be prepared by name: not when a name was found to be gone. */
  preparing: boolean
  /** A server would not answer a witness, for that error: none is sent to it any more. */
  refuseWitness(server: ServerShare, code: string | undefined): void
  /** The sessions that are open. */
  readonly sessions: Set<Killable>
  /** Somebody of this application is about to terminate the backend of one of its sessions. */
  abandon(processID: number | undefined): void
  /** What is shared by all sessions with one server. */
  server(address: Address, identity: Identity): ServerShare
  /** What is shared by all that want a server of that kind among these. */
  hosts(addresses: readonly Address[], target: Target, identity: Identity): HostsShare
}

const untold =
  'This server does not let its transaction ids be read (grant EXECUTE on pg_control_system() and pg_current_wal_lsn() to change that)'
const unlogged = 'This server does not know what tells a transaction id (42883), as PostgreSQL does'
const orTokens = ', so a commit whose answer is lost stays in doubt: set witness to a token table.'
const onlyTokens =
  ': tokens are left all the same, but not by what writes in functions alone, which stays in doubt when its answer is lost.'

/**
 * Checks that a client class is node-postgres in plain JavaScript, and derives from it what its
 * sessions need.
 * @throws TypeError with one sentence that says what to do
 */
export function sharedBy(Base: PgClientClass, settings: Settings): Shared {
  const prototype = (Base as { prototype?: { _pulseQueryQueue?: unknown } } | undefined)?.prototype
  const Query = (Base as PgClientClass | undefined)?.Query
  const protocol = Query?.prototype as Record<string, unknown> | undefined
  const complete = ['submit', 'prepare', '_getRows', 'handleDataRow', 'handleReadyForQuery'].every(
    (method) => typeof protocol?.[method] === 'function',
  )
  const queues = typeof prototype?._pulseQueryQueue === 'function'
  if (!queues || Query === undefined || !complete) {
    throw new TypeError(
      'Reprise needs the JavaScript client of node-postgres (pg 8.11 or newer): pass a pg.Pool made without pg-native, and unset NODE_PG_FORCE_NATIVE.',
    )
  }
  const byTokens = typeof settings.witness === 'object'
  if (typeof settings.witness === 'object') tokenTable(settings.witness.token)
  const sessions = new Set<Killable>()
  return {
    settings,
    unwitnessed: { ...settings, witness: byTokens ? settings.witness : 'off' },
    refuseWitness(server, code) {
      if (server.witnessRefused) return
      server.witnessRefused = true
      if (settings.witness === 'off') return
      const refused = code === '42883' ? unlogged : untold
      publish(
        'reprise:advice',
        { poolName: settings.poolName, advice: refused + (byTokens ? onlyTokens : orTokens) },
        settings.log,
      )
    },
    Base,
    Exchange: exchangeClassOf(Query),
    wrapper: wrapperOf(Base),
    mapper: valueMapperOf(Query),
    reaper: new Reaper(settings),
    preparing: true,
    sessions,
    abandon(processID) {
      if (processID === undefined) return
      for (const session of sessions) if (session.processID === processID) session.abandon()
    },
    server: (address, identity) => sharedWith(address, identity, settings),
    hosts: (addresses, target, identity) => sharedAmong(addresses, target, identity, settings),
  }
}

/**
 * Refuses a client's or a pool's configuration that shares a connection among statements.
 * @throws TypeError with one sentence that says what to do
 */
export function refusePipeline(config: unknown): void {
  if ((config as { pipeline?: unknown } | null | undefined)?.pipeline !== true) return
  throw new TypeError(
    "Reprise cannot see what became of a single statement in pg's pipeline mode: remove pipeline: true.",
  )
}

/**
 * Refuses a client whose connection streams changes: the server answers it otherwise, and nobody could take
 * the stream up again.
 * @throws TypeError with one sentence that says what to do
 */
export function refuseReplication({ connectionParameters }: PgClient): void {
  if (!connectionParameters.replication) return
  throw new TypeError(
    'A replication connection cannot be a session, since nobody knows where its stream was lost: use a pg.Client of node-postgres for it, and remove replication from this configuration.',
  )
}
