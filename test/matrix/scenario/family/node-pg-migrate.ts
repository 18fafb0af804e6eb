import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isReprised, reprise } from '@reprise/pg'
import { runner } from 'node-pg-migrate'
import type { Opened, Request, Transfer } from '../opened.ts'

/** node-pg-migrate: every migration is done once. */
export async function open({ url, options }: Request): Promise<Opened> {
  const { Client } = reprise(options)
  const client = new Client(url)
  await client.connect()
  const dir = mkdtempSync(join(tmpdir(), 'migrations-'))
  let number = 0
  let last: Promise<unknown> = Promise.resolve()
  const insert = (order: Transfer): Promise<void> => {
    const { token, source, target } = order
    const migration = async (): Promise<void> => {
      number++
      const sql = `INSERT INTO transfer VALUES ('${token}', ${source}, ${target}, 0);\n`
      writeFileSync(
        join(dir, `${String(number).padStart(6, '0')}_transfer.sql`),
        `-- Up Migration\n${sql}`,
      )
      await runner({
        dbClient: client,
        dir,
        direction: 'up',
        migrationsTable: 'migrations',
        noLock: true,
        log: () => undefined,
      })
    }
    const own = last.then(migration)
    last = own.catch(() => undefined)
    return own
  }
  return {
    reprised: isReprised(client),
    transfer: insert,
    insert,
    close: () => client.end(),
  }
}
