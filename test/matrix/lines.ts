/** The majors of Node that are tried: the oldest that is supported, and those that get its updates. */
export const nodes = ['20.19', '22', '24', '26'] as const

export type NodeVersion = (typeof nodes)[number]

/** One row of the matrix: versions that are installed together, and the doors that are tried on them. */
export interface Line {
  /** What is tried, and with `version` its name for `--only`. */
  readonly orm:
    | 'pg'
    | 'kysely'
    | 'typeorm'
    | 'mikro-orm'
    | 'prisma'
    | 'drizzle'
    | 'knex'
    | 'objection'
    | 'sequelize'
    | 'pg-promise'
    | 'pg-boss'
    | 'graphile-worker'
    | 'connect-pg-simple'
    | 'keyv'
    | 'node-pg-migrate'
    | 'umzug'
  /** Whether no door is its own: it runs on sessions by the one line at its pool. */
  readonly family?: true
  /** What people call this line. */
  readonly version: string
  /** What npm is asked for, beside the packages of this repository. */
  readonly install: Readonly<Record<string, string>>
  readonly doors: readonly string[]
  readonly node: readonly NodeVersion[]
  /** Whether CI tries it, in the ten minutes it has. */
  readonly ci?: true
  /** The generator of the Prisma client. */
  readonly generator?: 'prisma-client' | 'prisma-client-js'
  /** What its doors must say, in place of running. */
  readonly refused?: RegExp
}

const pg = { pg: '8', '@types/pg': '8' }

const kysely = (version: string, wanted: string, more: Partial<Line> = {}): Line => ({
  orm: 'kysely',
  version,
  install: { ...pg, kysely: wanted },
  doors: ['line', 'door', 'plugin'],
  node: ['24'],
  ...more,
})

const typeorm = (version: string, wanted: string, more: Partial<Line> = {}): Line => ({
  orm: 'typeorm',
  version,
  install: { ...pg, typeorm: wanted, 'reflect-metadata': '0.2' },
  doors: ['line', 'door', 'subscriber'],
  node: ['24'],
  ...more,
})

const mikroOrm = (version: string, wanted: string, more: Partial<Line> = {}): Line => ({
  orm: 'mikro-orm',
  version,
  install: { ...pg, '@mikro-orm/core': wanted, '@mikro-orm/postgresql': wanted },
  doors: ['line', 'door'],
  node: ['24'],
  ...more,
})

const prisma = (version: string, wanted: string, more: Partial<Line> = {}): Line => ({
  orm: 'prisma',
  version,
  install: {
    ...pg,
    prisma: wanted,
    '@prisma/client': wanted,
    '@prisma/adapter-pg': wanted,
  },
  doors: ['line', 'door'],
  node: ['24'],
  generator: 'prisma-client',
  ...more,
})

const family = (
  orm: Line['orm'],
  version: string,
  install: Line['install'],
  more: Partial<Line> = {},
): Line => ({
  orm,
  family: true,
  version,
  install: { ...pg, ...install },
  doors: ['line'],
  node: ['24'],
  ...more,
})

/** What `peerDependencies` claim: the oldest and the newest of each line. */
export const lines: readonly Line[] = [
  {
    orm: 'pg',
    version: '8.10.0',
    install: { pg: '8.10.0', '@types/pg': '8' },
    doors: ['line'],
    node: ['24'],
    ci: true,
    refused: /node-postgres 8\.10\.0.*8\.11\.0/,
  },
  {
    orm: 'pg',
    version: '8.11.0, types 8.11',
    install: { pg: '8.11.0', '@types/pg': '8.11.0' },
    doors: ['line', 'door'],
    node: ['20.19', '24'],
    ci: true,
  },
  {
    orm: 'pg',
    version: '8.16, types 8.15',
    install: { pg: '8.16', '@types/pg': '8.15' },
    doors: ['line', 'door'],
    node: ['22'],
  },
  {
    orm: 'pg',
    version: '8 newest',
    install: pg,
    doors: ['line', 'door'],
    node: nodes,
    ci: true,
  },
  kysely('0.27.0', '0.27.0', { ci: true, node: ['20.19', '24'] }),
  kysely('0.27 newest', '0.27'),
  kysely('0.28.0', '0.28.0', { ci: true, node: ['20.19', '24'] }),
  kysely('0.28 newest', '0.28'),
  kysely('0.29.0', '0.29.0', { node: ['22'] }),
  kysely('0.29 newest', '0.29', { ci: true, node: ['22', '24', '26'] }),
  typeorm('0.3.20', '0.3.20', { ci: true, node: ['20.19', '24'] }),
  typeorm('0.3 newest', '0.3'),
  typeorm('1.0.0', '1.0.0'),
  typeorm('1 newest', '1', { ci: true, node: nodes }),
  mikroOrm('6.6.0', '6.6.0', { doors: ['door'], ci: true, node: ['20.19', '24'] }),
  mikroOrm('6.6.0, the line', '6.6.0', {
    doors: ['line'],
    ci: true,
    refused: /reprise\(\) makes the clients of a pool/,
  }),
  // The newest whose packages are all of one version.
  mikroOrm('6.6 newest', '6.6.16', { doors: ['door'], node: ['22', '24', '26'] }),
  mikroOrm('7.0.15', '7.0.15', {
    doors: ['door'],
    ci: true,
    refused: /MikroORM 7\.0\.15.*7\.0\.16/,
  }),
  mikroOrm('7.0.16', '7.0.16', { ci: true }),
  mikroOrm('7 newest', '7', { node: ['22', '24', '26'] }),
  prisma('6.19', '6.19', { ci: true, node: ['20.19', '24'], generator: 'prisma-client-js' }),
  prisma('7.0.0', '7.0.0'),
  prisma('7 newest', '7', { ci: true, node: ['22', '24', '26'] }),
  prisma('7 newest, client-js', '7', { node: ['20.19', '24'], generator: 'prisma-client-js' }),
  family(
    'drizzle',
    '0 newest',
    { 'drizzle-orm': '0' },
    { doors: ['client', 'connection', 'rerun'] },
  ),
  family('knex', '2.5', { knex: '2.5' }, { doors: ['client'] }),
  family('knex', '3 newest', { knex: '^3.3' }, { doors: ['pool', 'client', 'rerun'] }),
  family('objection', '3 newest', { objection: '3', knex: '^3.3' }, { doors: ['pool', 'rerun'] }),
  family('sequelize', '6 newest', { sequelize: '6' }, { doors: ['module', 'rerun'] }),
  family('pg-promise', '12 newest', { 'pg-promise': '12' }, { doors: ['line', 'pool'] }),
  family('pg-boss', '12 newest', { 'pg-boss': '12' }),
  family('graphile-worker', '0 newest', { 'graphile-worker': '0' }),
  family('connect-pg-simple', '10 newest', {
    'connect-pg-simple': '10',
    '@types/connect-pg-simple': '7',
    'express-session': '1',
    '@types/express-session': '1',
  }),
  family('keyv', 'postgres 2 newest', { keyv: '5', '@keyv/postgres': '2' }),
  family('node-pg-migrate', '9 newest', { 'node-pg-migrate': '9' }),
  family('umzug', '3 newest', { umzug: '3' }),
]

/** The scenario of a line, in the folder of them. */
export function scenarioOf({ orm, family }: Line): string {
  return family ? `family/${orm}` : orm
}
