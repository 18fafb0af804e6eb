import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { reprise } from '@reprise/pg'
import pg from 'pg'
import { Proxy, type Server, until } from '../kit/index.ts'
import { median } from './statistics.ts'

/** How long so many statements took, in milliseconds: by plain pg on a new connection, and in a replay. */
export interface Replays {
  readonly statements: number
  readonly executed: number
  readonly replayed: number
}

/** Replays transactions of so many updates, each of another row. */
export async function replays(
  server: Server,
  url: string,
  statements: number,
  times: number,
): Promise<Replays> {
  const plain = new pg.Client({ connectionString: url })
  const ours = new (reprise().Client)({ connectionString: url })
  await plain.connect()
  await plain.query(
    'DROP TABLE IF EXISTS replayed; CREATE TABLE replayed (id int PRIMARY KEY, n int); INSERT INTO replayed SELECT i, 0 FROM generate_series(1, 200) i',
  )
  await plain.end()
  await ours.connect()
  const transaction = async (client: pg.ClientBase): Promise<number> => {
    const from = performance.now()
    await client.query('BEGIN')
    for (let id = 1; id < statements + 1; id++) {
      await client.query('UPDATE replayed SET n = n + 1 WHERE id = $1', [id])
    }
    return performance.now() - from
  }
  const executed: number[] = []
  const replayed: number[] = []
  const told = (message: unknown): void => {
    replayed.push((message as { duration: number }).duration)
  }
  subscribe('reprise:replay', told)
  // The first two are for the compiler.
  for (let trial = 0; trial < times + 2; trial++) {
    // A replay finds a backend that knows nothing yet, and so does what it is compared with.
    const fresh = new pg.Client({ connectionString: url })
    await fresh.connect()
    executed.push(await transaction(fresh))
    await fresh.end()
    const { pid } = (await ours.query('SELECT pg_backend_pid() AS pid')).rows[0]
    await transaction(ours)
    await server.terminate(pid)
    await ours.query('SELECT 1 FROM replayed LIMIT 0')
    await ours.query('ROLLBACK')
  }
  unsubscribe('reprise:replay', told)
  await ours.end()
  return {
    statements,
    executed: median(executed.slice(2)),
    replayed: median(replayed.slice(2)),
  }
}

/** Counts the round trips that a statement takes when its connection is gone, by settings to restore. */
export async function settingsFlights(
  server: Server,
  url: string,
  counts: readonly number[],
): Promise<{ settings: number; flights: number }[]> {
  await using proxy = await Proxy.start(server)
  const found: { settings: number; flights: number }[] = []
  for (const settings of counts) {
    const client = new (reprise().Client)({ connectionString: proxy.url(url) })
    await client.connect()
    for (let i = 0; i < settings; i++) await client.query(`SET app.s${i} = '${i}'`)
    const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0]
    await server.terminate(pid)
    // Asked before, it would lose a round trip to the old one.
    await until(() => proxy.connections.length === 0)
    proxy.counts.reset()
    await client.query('SELECT 1')
    found.push({ settings, flights: proxy.counts.flights })
    await client.end()
  }
  return found
}
