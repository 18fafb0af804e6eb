import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { reprise } from '@reprise/pg'
import pg from 'pg'
import type { PeerOrder } from './peers.ts'

/** The ways that are compared. */
export const peerTitles = {
  reprise: 'node-postgres with Reprise',
  pg: 'node-postgres',
  'p-retry': 'node-postgres + p-retry',
  postgres: 'postgres.js',
  slonik: 'slonik',
  sequelize: 'Sequelize + retry',
  knex: 'Knex',
} as const

export type PeerName = keyof typeof peerTitles

/** A transfer of money. */
export interface Transfer {
  readonly token: string
  readonly source: number
  readonly target: number
  readonly amount: number
}

type Work = (transfer: Transfer) => Promise<unknown>

const connections = 8
const update = 'UPDATE account SET balance = balance + $1, version = version + 1 WHERE id = $2'
const insert = 'INSERT INTO transfer (token, source, target, amount) VALUES ($1, $2, $3, $4)'

/** Opens one as its documentation says. Their packages are typed by what is used of them here. */
export async function openPeer({ name, url, folder }: PeerOrder): Promise<Work> {
  const require = createRequire(join(folder, 'package.json'))
  const load = async <T>(module: string): Promise<T> => {
    const loaded = await import(pathToFileURL(require.resolve(module)).href)
    return loaded as T
  }
  switch (name) {
    case 'reprise':
      return onPool(new pg.Pool({ connectionString: url, max: connections, ...reprise() }))
    case 'pg':
      return onPool(new pg.Pool({ connectionString: url, max: connections }))
    case 'p-retry': {
      const { default: retry } = await load<{ default: Retry }>('p-retry')
      const once = onPool(new pg.Pool({ connectionString: url, max: connections }))
      return (transfer) => retry(() => once(transfer), { retries: 5, minTimeout: 10 })
    }
    case 'postgres':
      return onPostgres((await load<{ default: PostgresJs }>('postgres')).default, url)
    case 'slonik':
      return onSlonik(await load<Slonik>('slonik'), url)
    case 'sequelize':
      return onSequelize((await load<{ default: SequelizeModule }>('sequelize')).default, url)
    case 'knex':
      return onKnex((await load<{ default: KnexFactory }>('knex')).default, url)
  }
}

type Retry = (work: () => Promise<unknown>, options: object) => Promise<unknown>

function onPool(pool: pg.Pool): Work {
  pool.on('error', () => undefined)
  return async ({ token, source, target, amount }) => {
    const client = await pool.connect()
    // Its documentation asks for it: a client that is checked out reports its end as well.
    const silent = (): void => undefined
    client.on('error', silent)
    let failure: Error | undefined
    try {
      await client.query('BEGIN')
      await client.query(update, [-amount, source])
      await client.query(update, [amount, target])
      await client.query(insert, [token, source, target, amount])
      await client.query('COMMIT')
    } catch (error) {
      failure = error as Error
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    } finally {
      client.off('error', silent)
      client.release(failure)
    }
  }
}

type PostgresTag = (strings: TemplateStringsArray, ...values: unknown[]) => Promise<unknown>
type PostgresJs = (
  url: string,
  options: object,
) => { begin(work: (sql: PostgresTag) => Promise<unknown>): Promise<unknown> }

function onPostgres(postgres: PostgresJs, url: string): Work {
  const client = postgres(url, { max: connections, onnotice: () => undefined })
  return ({ token, source, target, amount }) =>
    client.begin(async (sql) => {
      await sql`UPDATE account SET balance = balance - ${amount}, version = version + 1 WHERE id = ${source}`
      await sql`UPDATE account SET balance = balance + ${amount}, version = version + 1 WHERE id = ${target}`
      await sql`INSERT INTO transfer (token, source, target, amount) VALUES (${token}, ${source}, ${target}, ${amount})`
    })
}

interface Slonik {
  readonly sql: { unsafe(strings: TemplateStringsArray, ...values: unknown[]): unknown }
  createPool(
    url: string,
    options: object,
  ): Promise<{
    transaction(
      work: (tx: { query(sql: unknown): Promise<unknown> }) => Promise<unknown>,
    ): Promise<unknown>
  }>
}

async function onSlonik({ createPool, sql }: Slonik, url: string): Promise<Work> {
  const pool = await createPool(url, { maximumPoolSize: connections })
  return ({ token, source, target, amount }) =>
    pool.transaction(async (tx) => {
      await tx.query(
        sql.unsafe`UPDATE account SET balance = balance - ${amount}, version = version + 1 WHERE id = ${source}`,
      )
      await tx.query(
        sql.unsafe`UPDATE account SET balance = balance + ${amount}, version = version + 1 WHERE id = ${target}`,
      )
      await tx.query(
        sql.unsafe`INSERT INTO transfer (token, source, target, amount) VALUES (${token}, ${source}, ${target}, ${amount})`,
      )
    })
}

interface SequelizeModule {
  readonly Sequelize: new (
    url: string,
    options: object,
  ) => {
    transaction(work: (transaction: unknown) => Promise<unknown>): Promise<unknown>
    query(text: string, options: object): Promise<unknown>
  }
}

function onSequelize({ Sequelize }: SequelizeModule, url: string): Work {
  const sequelize = new Sequelize(url, {
    dialect: 'postgres',
    logging: false,
    pool: { max: connections },
    retry: { max: 5, match: [/terminat/i, /ECONN/, /SequelizeConnection/, /SequelizeDatabase/] },
  })
  return ({ token, source, target, amount }) =>
    sequelize.transaction(async (transaction) => {
      await sequelize.query(update, { bind: [-amount, source], transaction })
      await sequelize.query(update, { bind: [amount, target], transaction })
      await sequelize.query(insert, { bind: [token, source, target, amount], transaction })
    })
}

type KnexFactory = (options: object) => {
  transaction(
    work: (tx: { raw(text: string, values: unknown[]): Promise<unknown> }) => Promise<unknown>,
  ): Promise<unknown>
}

function onKnex(knex: KnexFactory, url: string): Work {
  const client = knex({ client: 'pg', connection: url, pool: { min: 0, max: connections } })
  return ({ token, source, target, amount }) =>
    client.transaction(async (tx) => {
      await tx.raw(update.replace(/\$\d/g, '?'), [-amount, source])
      await tx.raw(update.replace(/\$\d/g, '?'), [amount, target])
      await tx.raw(insert.replace(/\$\d/g, '?'), [token, source, target, amount])
    })
}
