import { Utils } from '@mikro-orm/core'
import { requireVersion } from '@reprise/pg'

/**
 * Checks that this is a MikroORM that was tried.
 * @throws TypeError with the version found and those wanted
 */
export function checkVersion(): void {
  for (const name of ['@mikro-orm/core', '@mikro-orm/postgresql']) {
    requireVersion({
      name,
      title: 'MikroORM',
      range: '^6.6.0 || ^7.0.16',
      door: '@reprise/mikro-orm',
      from: typeof __filename === 'string' ? __filename : '',
      says: Utils.getORMVersion(),
    })
  }
}
