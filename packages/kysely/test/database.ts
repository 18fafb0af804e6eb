import { createDatabase, OwnDatabase, until } from '../../../test/kit/index.ts'

/** A database with accounts and entries, on the shared server. */
export class Database extends OwnDatabase {
  static async create(serverUrl: string): Promise<Database> {
    const database = new Database(await createDatabase(serverUrl))
    await database.sql(`
      create table account (id int primary key, balance bigint not null);
      create table entry (id serial primary key, token text not null, amount int not null);
      insert into account select id, 100 from generate_series(1, 4) id`)
    return database
  }

  /** Terminates whoever waits in an open transaction; resolves when one at least is gone. */
  async killIdleInTransaction(): Promise<void> {
    await until(() => this.killAll(`state like 'idle in transaction%'`))
  }

  /** How often this token was entered. */
  async count(token: string): Promise<number> {
    const [row] = await this.sql('select count(*)::int as n from entry where token = $1', [token])
    return Number(row?.n)
  }
}
