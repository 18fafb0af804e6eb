import { requireVersion } from '@reprise/pg'

/**
 * Checks that this is a TypeORM that was tried.
 * @throws TypeError with the version found and those wanted
 */
export function checkVersion(): void {
  requireVersion({
    name: 'typeorm',
    title: 'TypeORM',
    range: '^0.3.20 || ^1.0.0',
    door: '@reprise/typeorm',
    from: typeof __filename === 'string' ? __filename : '',
  })
}
