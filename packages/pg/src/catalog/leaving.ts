import { leavesUnseen, leavingsOf, type Statement } from '@reprise/core'
import { leftByTree } from './leaving-tree.ts'
import { level, type Reach, type Reached, worse } from './reach.ts'
import type { Sought } from './read-reach.ts'
import { quiet, writers } from './trusted.ts'

const updating =
  '\\m(update\\s+(only\\s+)?(?![\\w."]*pg_settings)[\\w."]+(\\s+as)?(\\s+[\\w"]+)?\\s+set|do\\s+update\\s+set)\\M'

/** The view whose rule sets what it is updated with (system_views.sql), also where its name is escaped. */
const settable = /pg_settings|u&"/i

/** What sources of other languages have in them; they are not read any closer. */
const foreign =
  /set_config|\bset\b|listen|\bload\b|advisory|\btemp|discard|reset|prepare|exec|spi|dblink/i

const words = `
set_config setseed ts_stat ts_rewrite pg_replication_origin_session_setup pg_advisory_lock
pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
pg_try_advisory_lock pg_try_advisory_lock_shared
`
  .trim()
  .split(/\s+/)

/** What leaves something in its session, beyond its transaction. */
export const leaving: Sought = {
  source:
    '(set_config|advisory|\\m(set|reset|discard|listen|unlisten|load|prepare|deallocate|execute|do|pg_temp|temp|temporary|setseed|set_limit|ts_stat|ts_rewrite|pg_replication_origin_session_setup)\\M|dblink|_to_xml|spi_|pg_settings)',
  cut: updating,
  inSql: '(?!)',
  shown: true,
  trusted: [...quiet, ...writers],
  foreign: false,
  builtin: words,
  builtinStarts: '^(query_to_xml|cursor_to_xml)',
  builtinTold: '^(set_config|pg_(try_)?advisory_(un)?lock(_shared|_all)?)$',
  judge(language, source) {
    if (language === 'tree') return leftByTree(source)
    if (language === 'sql' || language === 'plpgsql') return leavingsOf(source)
    const unseen = language === 'c' || language === 'internal' || language === 'hidden'
    const opaque = unseen || foreign.test(source)
    return { leaves: opaque, unnamed: opaque, settings: [] }
  },
}

/**
 * What a statement may leave in its session: by what it reaches, by PostgreSQL's own functions, by a DO
 * in it.
 * @param text undefined where nobody knows it
 */
export function leftBy(reach: Reach, statement: Statement, text: string | undefined): Reached {
  // What nobody knows may be the worst that there is.
  if (text === undefined) return worse('askable', reach.worst)
  const { functions, members, reads, verb } = statement
  if (functions.some(leavesUnseen)) return 'unnamed'
  let found = reach.of(statement, text)
  const updates = !reads && (verb === 'UPDATE' || verb === 'WITH' || members.length > 1)
  if (updates && settable.test(text)) found = worse(found, 'askable')
  for (const { kind, canCommit } of members) {
    if (kind === 'procedure') {
      const { leaves, unnamed } = leavingsOf(text)
      return leaves ? worse(found, level(unnamed)) : found
    }
    // A command that nobody here knows.
    if (kind === 'other' && canCommit) found = worse(found, 'askable')
  }
  return found
}
