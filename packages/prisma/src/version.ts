import { requireVersion } from '@reprise/pg'

/**
 * Checks that a package of Prisma's is one that was tried.
 * @throws TypeError with the version found and those wanted
 */
export function checkVersion(name: '@prisma/client' | '@prisma/adapter-pg'): void {
  requireVersion({
    name,
    title: name,
    range: '^6.19.0 || ^7.0.0',
    door: '@reprise/prisma',
    from: typeof __filename === 'string' ? __filename : '',
  })
}
