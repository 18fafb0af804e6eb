import type { Subject, SubjectName } from './subject.ts'

export * from './subject.ts'

/** What people call each client. */
export const titles: Readonly<Record<SubjectName, string>> = {
  pg: 'node-postgres',
  prisma: 'Prisma',
  kysely: 'Kysely',
  typeorm: 'TypeORM',
  'mikro-orm': 'MikroORM',
}

/** Loads one client and no other: a process that drives Kysely should not pay for Prisma. */
export async function subject(name: SubjectName): Promise<Subject> {
  switch (name) {
    case 'pg':
      return (await import('./pg.ts')).pg
    case 'prisma':
      return (await import('./prisma.ts')).prisma
    case 'kysely':
      return (await import('./kysely.ts')).kysely
    case 'typeorm':
      return (await import('./typeorm.ts')).typeorm
    case 'mikro-orm':
      return (await import('./mikro-orm.ts')).mikroOrm
  }
}
