import { randomBytes } from 'node:crypto'
import type { Outcome } from '@reprise/core'
import type { Inquiry } from '../connection/inquiry.ts'

/** How long a token is kept by default, in milliseconds: a day. */
const keptFor = 24 * 60 * 60 * 1000

/** How many old tokens one call removes by default, so that it never holds locks for long. */
const prunedAtOnce = 1000

/** What a table of tokens needs: its statement, and one that removes old tokens. */
export interface TokenTable {
  /** Creates the table, if there is none. Run it once, as a migration. */
  readonly create: string
  /**
   * A bounded statement that removes tokens older than so many milliseconds (default: a day). Run it
   * now and then, until it removes none. A transaction older than that can no longer be resolved, by
   * whichever clock: it leaves one row that says up to when tokens may be gone.
   */
  prune(olderThan?: number, atOnce?: number): string
}

/**
 * The statements for the table of `witness: { token: 'schema.table' }`. The name is quoted part by
 * part; a part with a dot or a quote in it is to be quoted already.
 *
 * @throws TypeError when the name is none
 */
export function tokenTable(name: string): TokenTable {
  const table = quoted(name)
  return {
    create: `CREATE TABLE IF NOT EXISTS ${table} (token uuid PRIMARY KEY)`,
    prune: (olderThan = keptFor, atOnce = prunedAtOnce) => {
      if (!Number.isFinite(olderThan) || !Number.isFinite(atOnce)) {
        throw new TypeError(
          'prune() takes an age in milliseconds and a count: prune(86_400_000, 1000).',
        )
      }
      const first = uuidAt(Date.now() - olderThan, Buffer.alloc(10))
      const old = `FROM ${table} WHERE token < '${first}'`
      return `WITH told AS (INSERT INTO ${table} (token) SELECT '${boundOf(first)}'
 WHERE EXISTS (SELECT ${old}) ON CONFLICT DO NOTHING),
 untold AS (DELETE FROM ${table} WHERE token >= '${lowestBound}' AND token < '${boundOf(first)}'
 AND EXISTS (SELECT ${old}))
 DELETE FROM ${table} WHERE token IN (SELECT token ${old} ORDER BY token LIMIT ${Math.max(1, Math.trunc(atOnce))})`
    },
  }
}

/** With which the row begins that says up to when tokens may be gone: behind every token there will be. */
const bounds = 'ffffffff-ffff-8fff-8fff-'
const lowestBound = `${bounds}000000000000`

/** That row, for tokens before this one. */
function boundOf(token: string): string {
  return bounds + timeOf(token)
}

/** When a token was made, as its first twelve digits have it. */
function timeOf(token: string): string {
  return token.replaceAll('-', '').slice(0, 12)
}

/** A token in its table. */
export interface Token {
  readonly table: string
  readonly id: string
}

/** A new token: a UUID of version 7 (RFC 9562), so that old ones are found by their order. */
export function newToken(): string {
  return uuidAt(Date.now(), randomBytes(10))
}

/** The statement that leaves a token in a transaction. */
export function leaveToken({ table, id }: Token): string {
  return `INSERT INTO ${quoted(table)} (token) VALUES ('${id}')`
}

/**
 * Asks what became of the transaction that left a token, by leaving the same token: that blocks while
 * the transaction still runs, finds it there if it committed, and if it died takes its place, so that
 * a late original fails on the primary key. This is proof on any server that has the table, also
 * after a failover that lost the transaction.
 *
 * Beside the token goes its counter-token, in the same statement: a resolver whose own answer is lost
 * can tell its own token from the original's.
 *
 * That it is not there proves nothing where it may have been removed: the clock of whoever made it may be
 * behind that of whoever prunes the table.
 */
export async function resolveToken(token: Token, ask: Inquiry): Promise<Outcome> {
  const table = quoted(token.table)
  const counter = counterOf(token.id)
  const taken = await ask(
    `WITH taken AS (INSERT INTO ${table} (token) VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1)
 INSERT INTO ${table} (token) SELECT CAST($2 AS pg_catalog.uuid) FROM taken`,
    [token.id, counter],
  )
  if (taken.code !== undefined) return 'in-doubt'
  const { rows, code } = await ask(
    `SELECT token FROM ${table} WHERE token IN ($1, $2) OR token >= '${lowestBound}'`,
    [token.id, counter],
  )
  const all = rows.map(([found]) => String(found))
  const found = all.filter((each) => !each.startsWith(bounds))
  if (code !== undefined || found.length === 0) return 'in-doubt'
  if (!found.includes(counter)) return 'committed'
  const mayBeGone = all.some((each) => each.startsWith(bounds) && each > boundOf(token.id))
  return mayBeGone ? 'in-doubt' : 'rolled-back'
}

/** The same UUID, of version 8. */
function counterOf(token: string): string {
  return `${token.slice(0, 14)}8${token.slice(15)}`
}

function uuidAt(milliseconds: number, tail: Buffer): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(Math.max(0, Math.trunc(milliseconds)), 0, 6)
  tail.copy(bytes, 6)
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  const hex = bytes.toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}

/** Quotes a name that may be qualified. */
function quoted(name: string): string {
  const parts = String(name).match(/"(?:[^"]|"")+"|[^."]+/g)
  if (parts === null || parts.join('.') !== name || parts.length > 3) {
    throw new TypeError(
      `The token table must be named as 'table' or 'schema.table', not '${String(name)}'.`,
    )
  }
  return parts.map((part) => (part.startsWith('"') ? part : `"${part}"`)).join('.')
}
