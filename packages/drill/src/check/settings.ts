import type { Server } from '../server.ts'
import type { Finding } from './finding.ts'

type Setting = (value: string) => Omit<Finding, 'what'>

const off = (value: string): boolean => value === '0' || value === ''

/** What the settings mean for a session, as this role has them in this database. */
const settings: { readonly [name: string]: Setting } = {
  statement_timeout: (value) =>
    off(value)
      ? {
          verdict: 'note',
          says: 'not set: a statement that hangs hangs for ever.',
          fix: "ALTER ROLE … SET statement_timeout = '30s'; with more for migrations.",
        }
      : { verdict: 'ok', says: `${value}; an error of the statement, which is never retried.` },
  idle_in_transaction_session_timeout: (value) =>
    off(value)
      ? {
          verdict: 'note',
          says: 'not set: a client that hangs inside a transaction keeps its locks.',
          fix: "ALTER ROLE … SET idle_in_transaction_session_timeout = '60s';",
        }
      : {
          verdict: 'ok',
          says: `${value}; a transaction that is idle for longer ends with 25P03, which surfaces.`,
        },
  transaction_timeout: (value) => ({
    verdict: 'ok',
    says: off(value) ? 'not set.' : `${value}; a transaction that takes longer surfaces (25P04).`,
  }),
  idle_session_timeout: (value) => ({
    verdict: 'ok',
    says: off(value)
      ? 'not set.'
      : `${value}; sessions that it ends are mended when they are needed again.`,
  }),
  client_connection_check_interval: (value) =>
    off(value)
      ? {
          verdict: 'note',
          says: 'not set: a statement whose client is gone is executed to its end.',
          fix: "ALTER SYSTEM SET client_connection_check_interval = '10s';",
        }
      : { verdict: 'ok', says: `${value}.` },
  synchronous_commit: (value) =>
    value === 'off'
      ? {
          verdict: 'bad',
          says: 'off: a crash of the server loses commits that it has acknowledged.',
          fix: 'SET synchronous_commit = on; where losing a commit matters.',
        }
      : { verdict: 'ok', says: `${value}.` },
  synchronous_standby_names: (value) =>
    off(value)
      ? {
          verdict: 'note',
          says: 'none: a failover may lose commits that were acknowledged, and only a token table tells afterwards.',
          fix: "name a synchronous standby, or use witness: { token: 'schema.table' }.",
        }
      : {
          verdict: 'ok',
          says: `${value}; a commit in doubt is acknowledged once one behind it is replicated.`,
        },
}

/** One finding for each setting that the server has. */
export async function settingFindings(server: Server, version: number): Promise<Finding[]> {
  const names = Object.keys(settings).filter((name) => version >= (since[name] ?? 0))
  const rows = await server.rows<{ name: string; value: string | null }>(
    `SELECT name, pg_catalog.current_setting(name, true) AS value
     FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS s (name, n) ORDER BY n`,
    [names],
  )
  return rows.map(({ name, value }) => ({
    what: name,
    ...(settings[name] as Setting)(value ?? ''),
  }))
}

const since: { readonly [name: string]: number } = { transaction_timeout: 17 }
