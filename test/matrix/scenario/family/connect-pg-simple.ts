import { isReprised, reprise } from '@reprise/pg'
import makeStore from 'connect-pg-simple'
import session, { type SessionData } from 'express-session'
import pg from 'pg'
import type { Opened, Request, Transfer } from '../opened.ts'
import { writeDown } from './written.ts'

/** connect-pg-simple: every session that is set is written down. */
export async function open({ url, max, options }: Request): Promise<Opened> {
  const pool = new pg.Pool({ connectionString: url, max, ...reprise(options) })
  const Store = makeStore(session)
  const store = new Store({ pool, createTableIfMissing: true, pruneSessionInterval: false })
  await new Promise((resolve) => store.get('nobody', resolve))
  await writeDown(url, 'session', 'new.sid::uuid')
  const insert = ({ token }: Transfer): Promise<void> =>
    new Promise((resolve, reject) => {
      const data = { cookie: { maxAge: 60_000 } } as unknown as SessionData
      store.set(token, data, (error?: Error) => {
        if (error) return reject(error)
        store.get(token, (failure, found) =>
          failure || !found ? reject(failure ?? new Error('is not there')) : resolve(),
        )
      })
    })
  return {
    reprised: isReprised(pool),
    transfer: insert,
    insert,
    async close() {
      await store.close()
      await pool.end()
    },
  }
}
