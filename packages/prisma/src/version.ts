import { requireVersion } from '@reprise/pg'

/**
 * Checks that a package of Prisma's is one that was tried.
 * @param says what a client of it says of its version
 * @throws TypeError with the version found and those wanted
 */
export function checkVersion(name: '@prisma/client' | '@prisma/adapter-pg', says?: string): void {
  requireVersion({
    name,
    title: name,
    range: '^6.19.0 || ^7.0.0',
    door: '@reprise/prisma',
    from: typeof __filename === 'string' ? __filename : '',
    says,
  })
}
