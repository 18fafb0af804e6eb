/** A part of the sidebar. */
export interface Part {
  readonly text: string
  readonly items: readonly { readonly text: string; readonly link: string }[]
}

/** The pages, in the order in which they are read: the sidebar and llms.txt are made of this. */
export const pages: readonly Part[] = [
  {
    text: 'Start',
    items: [
      { text: 'What it is', link: '/start/' },
      { text: 'node-postgres', link: '/start/pg' },
      { text: 'Prisma', link: '/start/prisma' },
      { text: 'Kysely', link: '/start/kysely' },
      { text: 'TypeORM', link: '/start/typeorm' },
      { text: 'MikroORM', link: '/start/mikro-orm' },
      { text: 'Drizzle, Knex, Sequelize …', link: '/family' },
    ],
  },
  {
    text: 'Understand',
    items: [
      { text: 'What happens to what', link: '/what-happens' },
      { text: 'Outcomes, and what to do', link: '/outcomes' },
      { text: '57P01, explained', link: '/57P01' },
      { text: 'The decision table', link: '/decisions' },
      { text: 'How it is proven', link: '/proof' },
      { text: 'What it costs', link: '/cost' },
      { text: 'Compared with others', link: '/compare' },
      { text: 'Questions', link: '/faq' },
    ],
  },
  {
    text: 'Packages',
    items: [
      { text: '@reprise/pg', link: '/reference/pg' },
      { text: '@reprise/prisma', link: '/reference/prisma' },
      { text: '@reprise/kysely', link: '/reference/kysely' },
      { text: '@reprise/typeorm', link: '/reference/typeorm' },
      { text: '@reprise/mikro-orm', link: '/reference/mikro-orm' },
      { text: '@reprise/opentelemetry', link: '/reference/opentelemetry' },
      { text: '@reprise/drill', link: '/reference/drill' },
    ],
  },
  {
    text: 'Recipes',
    items: [
      { text: 'NestJS', link: '/recipes/nestjs' },
      { text: 'Next.js and bundlers', link: '/recipes/nextjs' },
      { text: 'Jest and other runners', link: '/recipes/jest' },
      { text: 'Lambda, frozen processes', link: '/recipes/lambda' },
      { text: 'Health checks', link: '/recipes/health' },
      { text: 'Graceful shutdown', link: '/recipes/shutdown' },
      { text: 'PgBouncer', link: '/recipes/pgbouncer' },
      { text: 'Patroni and Kubernetes', link: '/recipes/patroni' },
      { text: 'LISTEN workers', link: '/recipes/listen' },
      { text: 'Job queues', link: '/recipes/queues' },
      { text: 'Migrations', link: '/recipes/migrations' },
      { text: 'Watching it', link: '/recipes/operate' },
    ],
  },
  {
    text: 'Managed services',
    items: [
      { text: 'In general', link: '/services/' },
      { text: 'Amazon RDS', link: '/services/rds' },
      { text: 'Amazon Aurora', link: '/services/aurora' },
      { text: 'RDS Proxy', link: '/services/rds-proxy' },
      { text: 'Google Cloud SQL', link: '/services/cloud-sql' },
      { text: 'Azure flexible server', link: '/services/azure' },
      { text: 'Neon', link: '/services/neon' },
      { text: 'Supabase', link: '/services/supabase' },
      { text: 'Heroku Postgres', link: '/services/heroku' },
      { text: 'Crunchy', link: '/services/crunchy' },
      { text: 'CloudNativePG', link: '/services/cloudnative-pg' },
    ],
  },
]
