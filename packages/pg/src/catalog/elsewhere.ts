import { outwardNames } from '@reprise/core'
import type { Sought } from './read-reach.ts'
import { quiet, writers } from './trusted.ts'

const names = outwardNames.join('|')
const atOnce = new RegExp(`dblink|\\b(${names})\\b`, 'i')

/**
 * What has an effect that does not go with the transaction that it is made in. What is `unnamed` has it at
 * once: a dblink, a sequence that is set, another backend's end. The others have it when it commits, before
 * this server has: a foreign table's is committed by its own server.
 */
export const elsewhere: Sought = {
  source: `(dblink|\\m(execute|${names})\\M)`,
  cut: '(?!)',
  inSql: '(?!)',
  shown: true,
  trusted: [...quiet, ...writers],
  foreign: true,
  builtin: outwardNames,
  builtinStarts: '(?!)',
  builtinTold: '',
  judge(language, source, foreign) {
    const now = language === 'tree' || atOnce.test(source)
    // A statement that is put together may be about any table.
    return { leaves: now || foreign, unnamed: now, settings: [] }
  },
}
