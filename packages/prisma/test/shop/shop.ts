import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { adminName, createDatabase, OwnDatabase } from '../../../../test/kit/index.ts'
import { generate } from '../../../../test/subjects/prisma/generate.ts'

/** A row as Prisma hands it out. */
// biome-ignore lint/suspicious/noExplicitAny: the generated client, which has the types, is made by the tests
type Loose = any

/** A generated PrismaClient, as loosely as tests want it; types.test.ts looks at the real types. */
export interface Client {
  account: Delegate
  profile: Delegate
  entry: Delegate
  tag: Delegate
  $queryRaw(text: TemplateStringsArray, ...values: unknown[]): Promise<Loose[]>
  $executeRaw(text: TemplateStringsArray, ...values: unknown[]): Promise<number>
  $queryRawUnsafe(text: string, ...values: unknown[]): Promise<Loose[]>
  $executeRawUnsafe(text: string, ...values: unknown[]): Promise<number>
  $transaction<T>(work: (tx: Client) => Promise<T>, options?: object): Promise<T>
  $transaction(work: readonly Promise<unknown>[], options?: object): Promise<Loose[]>
  $extends(extension: unknown): Client
  $on(event: string, listener: (event: Loose) => void): unknown
  $connect(): Promise<void>
  $disconnect(): Promise<void>
}

type OperationName =
  | `find${'Unique' | 'First'}${'' | 'OrThrow'}`
  | `${'create' | 'update'}${'' | 'Many' | 'ManyAndReturn'}`
  | `delete${'' | 'Many'}`
  | 'findMany'
  | 'upsert'
  | 'count'
  | 'aggregate'
  | 'groupBy'

type Delegate = { readonly [N in OperationName]: (args?: object) => Promise<Loose> }

/** What the generated module gives. */
export interface Generated {
  readonly PrismaClient: new (options: object) => Client
  readonly Prisma: {
    readonly PrismaClientKnownRequestError: new (...values: never[]) => Error
    defineExtension(extension: unknown): unknown
  }
}

/** The client of shop/schema.prisma. */
export async function generated(): Promise<Generated> {
  const path = await generate(join(import.meta.dirname, 'schema.prisma'))
  return (await import(pathToFileURL(path).href)) as Generated
}

/** A database with the shop's tables. */
export class Shop extends OwnDatabase {
  /** Creates it on a server, by the server's url. */
  static async create(serverUrl: string): Promise<Shop> {
    const shop = new Shop(await createDatabase(serverUrl))
    await shop.sql(await readFile(join(import.meta.dirname, 'schema.sql'), 'utf8'))
    await shop.refill()
    return shop
  }

  override sql(text: string, values?: unknown[]): Promise<Loose[]> {
    return super.sql(text, values)
  }

  /** Empties and fills the tables again. */
  async refill(): Promise<void> {
    await this.sql(`
      truncate account, profile, entry, tag, "_EntryToTag" restart identity;
      insert into account select id, 1000 from generate_series(1, 10) id;
      insert into profile ("accountId", text) values (2, 'old');
      insert into entry (token, amount) values ('old', 1);
      insert into tag (name) values ('old');
      insert into "_EntryToTag" values (1, 1)`)
  }

  /** Everything that the tables hold, except for serial numbers and times. */
  async contents(): Promise<Loose[]> {
    return this.sql(`
      select 'account ' || row(id, balance, owner)::text as what from account union all
      select 'profile ' || row("accountId", text)::text from profile union all
      select 'tag ' || name from tag union all
      select 'entry ' || row(token, amount, "accountId", array(
        select name from tag join "_EntryToTag" on "B" = tag.id where "A" = entry.id order by 1
      ))::text from entry order by 1`)
  }

  /** Locks the tables that the operations work on, until the returned function is called. */
  async lock(): Promise<() => Promise<void>> {
    const holder = new pg.Client({ connectionString: this.url, application_name: adminName })
    await holder.connect()
    await holder.query('begin; lock table account, entry in access exclusive mode')
    return () => holder.end()
  }

  /** Whether somebody waits for a lock in this database. */
  async isWaiting(): Promise<boolean> {
    const rows = await this.sql(`
      select from pg_locks join pg_database on pg_database.oid = database
       where datname = current_database() and not granted`)
    return rows.length > 0
  }
}
