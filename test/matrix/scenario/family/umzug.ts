import { isReprised, reprise } from '@reprise/pg'
import pg from 'pg'
import { Umzug, type UmzugStorage } from 'umzug'
import type { Opened, Request, Transfer } from '../opened.ts'

/** Umzug: every migration is done once, and noted once, on the pool that it is given. */
export async function open({ url, max, options }: Request): Promise<Opened> {
  const pool = new pg.Pool({ connectionString: url, max, ...reprise(options) })
  await pool.query('CREATE TABLE migration (name text)')
  const storage: UmzugStorage<pg.Pool> = {
    async logMigration({ name, context }) {
      await context.query('INSERT INTO migration VALUES ($1)', [name])
    },
    async unlogMigration({ name, context }) {
      await context.query('DELETE FROM migration WHERE name = $1', [name])
    },
    async executed({ context }) {
      const { rows } = await context.query<{ name: string }>('SELECT name FROM migration')
      return rows.map(({ name }) => name)
    },
  }
  const insert = async ({ token, source, target }: Transfer): Promise<void> => {
    const up = async ({ context }: { context: pg.Pool }): Promise<void> => {
      await context.query('INSERT INTO transfer VALUES ($1, $2, $3, 0)', [token, source, target])
    }
    const umzug = new Umzug({
      migrations: [{ name: token, up }],
      context: pool,
      storage,
      logger: undefined,
    })
    const done = await umzug.up()
    if (done.length !== 1) throw new Error('was not done')
  }
  return {
    reprised: isReprised(pool),
    transfer: insert,
    insert,
    close: () => pool.end(),
  }
}
