import pg from 'pg'
import type { Action, Frame, Proxy, Side } from '../../../test/kit/index.ts'
import { reprise } from '../src/index.ts'

/** What is done on a client. */
export type Work = (client: pg.PoolClient, pool: pg.Pool) => Promise<unknown>

/** How a work on a network that fell silent went, and what its client answered next. */
export interface Silenced {
  /** How many frames of that side there were. */
  readonly frames: number
  readonly error: unknown
  readonly next: unknown
}

/** Does some work on a client of its own; the network falls silent at the nth frame of that side. */
export async function silentAt(
  proxy: Proxy,
  url: string,
  side: Side,
  n: number,
  work: Work,
): Promise<Silenced> {
  const pool = new pg.Pool({
    connectionString: proxy.url(url),
    max: 1,
    ...reprise({ probeAfter: 30 }),
  })
  const client = await pool.connect()
  await client.query('SELECT 1')
  let frames = 0
  const forget = proxy.onFrame(({ from }: Frame): Action => {
    return from === side && frames++ === n ? 'freeze' : 'pass'
  })
  const error = await work(client, pool).then(
    () => undefined,
    (failure: unknown) => failure,
  )
  forget()
  client.release()
  const { rows } = await pool.query('SELECT 2 AS n')
  await pool.end()
  return { frames, error, next: rows[0]?.n }
}
