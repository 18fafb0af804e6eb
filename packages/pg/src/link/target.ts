import type { Target } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import type { Inquiry } from '../connection/inquiry.ts'

/** A server is up, and is not of the kind that is wanted. Its message says which kind it is. */
export class Unsuited extends Error {
  override readonly name = 'Unsuited'
  /** 25006 read_only_sql_transaction where writes are wanted, or else 08004: a connection refused. */
  readonly code: '25006' | '08004'

  constructor(kind: string, writes: boolean) {
    super(kind)
    this.code = writes ? '25006' : '08004'
  }
}

/**
 * Checks a new connection as libpq does (fe-connect.c, CONNECTION_CHECK_TARGET): by what the server has
 * reported, and only where it reports nothing (before PostgreSQL 14, or behind a pooler) by asking.
 *
 * @throws Unsuited
 */
export async function requireTarget(
  connection: Connection,
  target: Target,
  ask: Inquiry,
): Promise<void> {
  if (target === 'primary') {
    if (await isStandby(connection, ask)) throw new Unsuited('a standby', true)
  } else if (target === 'read-write') {
    if (await isReadOnly(connection, ask)) throw new Unsuited('read-only', true)
  } else if (target === 'read-only') {
    if (!(await isReadOnly(connection, ask))) throw new Unsuited('not read-only', false)
  } else if (target !== 'any') {
    if (!(await isStandby(connection, ask))) throw new Unsuited('no standby', false)
  }
}

async function isStandby({ reported }: Connection, ask: Inquiry): Promise<boolean> {
  reported.standby ??= await says(ask, 'SELECT pg_catalog.pg_is_in_recovery()', 't')
  return reported.standby
}

async function isReadOnly({ reported }: Connection, ask: Inquiry): Promise<boolean> {
  const { standby, readOnly } = reported
  if (standby !== undefined && readOnly !== undefined) return standby || readOnly
  return says(ask, 'SHOW transaction_read_only', 'on')
}

async function says(ask: Inquiry, question: string, yes: string): Promise<boolean> {
  return (await ask(question)).rows[0]?.[0] === yes
}
