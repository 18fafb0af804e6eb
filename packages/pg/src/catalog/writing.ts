import { unrefusedNames } from '@reprise/core'
import type { Sought } from './read-reach.ts'
import { quiet } from './trusted.ts'

const unrefused = unrefusedNames.join('|')

/** What writes, however seldom, and whether or not it lets a refusal be seen. */
export const writing: Sought = {
  source: `(\\m(insert|update|delete|merge|truncate|copy|create|alter|drop|grant|revoke|comment|security|reindex|cluster|refresh|reassign|import|notify|call|do|execute|ts_stat|ts_rewrite|${unrefused})\\M|\\mlo_|dblink|_to_xml|spi_)`,
  cut: '(?!)',
  inSql: '\\minto\\M',
  shown: false,
  trusted: quiet,
  foreign: true,
  builtin: ['ts_stat', 'ts_rewrite', ...unrefusedNames],
  builtinStarts: '^(lo_|query_to_xml|cursor_to_xml)',
  builtinTold: '',
  judge: () => ({ leaves: true, unnamed: false, settings: [] }),
}
