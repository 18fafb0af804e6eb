import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type RepriseOptions, reprise } from '@reprise/pg'
import pg from 'pg'
import { outcomeOf, Server } from '../kit/index.ts'
import { page, positive, read } from '../lanes/arguments.ts'
import { command } from '../lanes/command.ts'

const flags = {
  count: { value: 'N', help: 'how many COMMITs are killed in each way (default 1000)' },
  help: { help: 'print this page' },
} as const

/** How many transactions are under way at once. */
const callers = 8

/** What was claimed of killed COMMITs, and how often the database says otherwise. */
interface Claims {
  readonly claimed: Record<string, number>
  wrong: number
}

const ways: Readonly<Record<string, { options: RepriseOptions; extended: boolean }>> = {
  'simple, by frames alone': { options: { witness: 'off', replay: 'off' }, extended: false },
  'extended, by frames alone': { options: { witness: 'off', replay: 'off' }, extended: true },
  'simple, with witness and replay': { options: {}, extended: false },
  'extended, with witness and replay': { options: {}, extended: true },
}

await command(async (argv) => {
  const typed = read(argv, flags)
  if (typed.help) {
    console.log(
      page(
        'commits: backends are terminated while they commit under commit_delay; then what was claimed\nof each transaction is compared with the database.',
        flags,
      ),
    )
    return 0
  }
  const count = Math.ceil(positive(typed.count, 'count', 1000))
  const server = await Server.start({
    settings: { fsync: 'on', commit_delay: '4000', commit_siblings: '0' },
  })
  let wrong = 0
  try {
    for (const [way, { options, extended }] of Object.entries(ways)) {
      const claims = await killCommits(server, count, options, extended)
      wrong += claims.wrong
      const said = Object.entries(claims.claimed).map(([what, times]) => `${what} ${times}`)
      console.log(`${way.padEnd(36)} ${said.join(', ').padEnd(48)} wrong ${claims.wrong}`)
    }
  } finally {
    await server.dispose()
  }
  return wrong === 0 ? 0 : 1
})

async function killCommits(
  server: Server,
  count: number,
  options: RepriseOptions,
  extended: boolean,
): Promise<Claims> {
  const url = await server.createDatabase()
  const admin = new pg.Pool({ connectionString: url, max: callers })
  await admin.query('CREATE TABLE effect (token uuid)')
  const pool = new pg.Pool({ connectionString: url, max: callers, ...reprise(options) })
  const claims: Claims = { claimed: {}, wrong: 0 }
  let left = count
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const token = randomUUID()
      const client = await pool.connect()
      const claim = await killedCommit(client, admin, token, extended)
      client.release()
      claims.claimed[claim] = (claims.claimed[claim] ?? 0) + 1
      const { rows } = await admin.query('SELECT count(*)::int AS n FROM effect WHERE token = $1', [
        token,
      ])
      const [found] = rows.map(({ n }) => Number(n))
      const right =
        claim === 'committed' ? found === 1 : claim === 'rolled-back' ? found === 0 : found !== 2
      if (!right) claims.wrong += 1
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  await pool.end()
  await admin.end()
  return claims
}

/** One COMMIT whose backend is terminated somewhere on its way; what was claimed of it. */
async function killedCommit(
  client: pg.PoolClient,
  admin: pg.Pool,
  token: string,
  extended: boolean,
): Promise<string> {
  const { processID } = client as unknown as { processID: number }
  await client.query('BEGIN')
  await client.query('INSERT INTO effect VALUES ($1)', [token])
  // Sometimes before the COMMIT is sent, sometimes while it is on its way, mostly while it is flushed.
  const killed = pause(Math.random() * 6).then(() =>
    admin.query('SELECT pg_terminate_backend($1)', [processID]),
  )
  await pause(Math.random() * 2)
  const config = { text: 'COMMIT', ...(extended ? { queryMode: 'extended' } : {}) }
  const claimed = client.query(config).then(
    ({ command: tag }) => (tag === 'COMMIT' ? 'committed' : tag),
    (error: unknown) => outcomeOf(error) ?? 'nothing',
  )
  const [claim] = await Promise.all([claimed, killed])
  if (claim !== 'committed') await client.query('ROLLBACK')
  return claim
}
