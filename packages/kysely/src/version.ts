import { requireVersion } from '@reprise/pg'

/**
 * Checks that this is a Kysely that was tried.
 * @throws TypeError with the version found and those wanted
 */
export function checkVersion(): void {
  requireVersion({
    name: 'kysely',
    title: 'Kysely',
    range: '^0.27.0 || ^0.28.0 || ^0.29.0',
    door: '@reprise/kysely',
    from: typeof __filename === 'string' ? __filename : '',
  })
}
