import type { CheckOrder } from '../arguments.ts'
import type { Server } from '../server.ts'
import type { Finding } from './finding.ts'
import { poolerFinding } from './pooler.ts'
import { rightsFindings, terminationFinding } from './rights.ts'
import { settingFindings } from './settings.ts'
import { tokenFinding } from './token-table.ts'

interface Basics {
  readonly superuser: boolean
  readonly version: number
  readonly spelt: string
  readonly standby: boolean
}

/** What Reprise can and cannot do in a database. Nothing of the application's is touched. */
export async function checkOf(server: Server, order: CheckOrder): Promise<Finding[]> {
  const [basics] = await server.rows<Basics>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version,
       current_setting('server_version') AS spelt, pg_catalog.pg_is_in_recovery() AS standby,
       current_setting('is_superuser')::boolean AS superuser`,
  )
  const { version, spelt, standby, superuser } = basics as Basics
  const pooler = await poolerFinding(server, order.url)
  return [
    versionFinding(version, spelt),
    pooler.finding,
    standby
      ? {
          what: 'role',
          verdict: 'note',
          says: 'a standby: reads are mended, and nothing can be written or asked about here.',
          fix: 'give the primary’s address to an application that writes.',
        }
      : { what: 'role', verdict: 'ok', says: 'a primary.' },
    ...(superuser ? [anybody] : []),
    ...(await rightsFindings(server)),
    await terminationFinding(server, order.url, pooler.between),
    ...(await settingFindings(server, version)),
    await tokenFinding(server, order.tokenTable),
  ]
}

/** Of a role that may do all, nothing follows for one that may not. */
const anybody: Finding = {
  what: 'rights',
  verdict: 'note',
  says: 'this is a superuser, so those of the application’s own role are not seen.',
  fix: 'pass --url as the application has it.',
}

/** The majors that the tests of Reprise run on. */
const tested = { first: 14, last: 18 }

function versionFinding(version: number, spelt: string): Finding {
  const what = 'version'
  if (version < tested.first) {
    return {
      what,
      verdict: 'bad',
      says: `PostgreSQL ${spelt} is older than the oldest that Reprise is tested with.`,
      fix: `upgrade to ${tested.first} or newer.`,
    }
  }
  return version > tested.last
    ? {
        what,
        verdict: 'note',
        says: `PostgreSQL ${spelt} is newer than what Reprise is tested with.`,
      }
    : { what, verdict: 'ok', says: `PostgreSQL ${spelt}.` }
}
