import type { Attributes } from '@opentelemetry/api'
import type { FromSession, LossEvent } from '@reprise/core'

/** The name of the tracer and of the meter. */
export const scope = '@reprise/opentelemetry'

/** That of the package. */
export const version = '0.1.0'

/*
 * OpenTelemetry's stable conventions for PostgreSQL name what they have a name for: db.system.name,
 * db.namespace, db.response.status_code, server.address, server.port, error.type; those in development
 * name the pool (db.client.connection.pool.name). All else is reprise.*.
 */

type Where = Pick<FromSession, 'host' | 'port' | 'database'> &
  Partial<Pick<FromSession, 'poolName'>>

/** Which server something is about, and of which pool, if it was given a name. */
export function serverOf({ host, port, database, poolName }: Where): Attributes {
  return {
    'db.system.name': 'postgresql',
    ...(database !== undefined && { 'db.namespace': database }),
    'server.address': host,
    'server.port': port,
    ...poolOf(poolName),
  }
}

/** Of which pool, if it was given a name. */
export function poolOf(poolName: string | undefined): Attributes {
  return poolName === undefined ? {} : { 'db.client.connection.pool.name': poolName }
}

/** What the server said of a loss: only what came in a frame of its own is its status code. */
export function lossOf({ condition, sqlstate, evidence }: LossEvent): Attributes {
  return {
    'reprise.condition': condition,
    ...(evidence === 'frame' && { 'db.response.status_code': sqlstate }),
  }
}
