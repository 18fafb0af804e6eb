import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Action,
  covers,
  type Frame,
  type HiddenWrite,
  hide,
  hidingPlace,
  outcomeOf,
  Proxy,
  Server,
  shapes,
  until,
  writes,
} from '../../../test/kit/index.ts'
import { kill, withThrowaway } from './support.ts'

let server: Server
let proxy: Proxy
/** Of an ordinary role, which finds what is hidden before what is PostgreSQL's own. */
let direct: string
let url: string
let admin: pg.Client

beforeAll(async () => {
  server = await Server.start()
  await server.sql('CREATE ROLE app LOGIN')
  await server.sql('ALTER ROLE app SET search_path = app, pg_catalog, public')
  const own = new URL(await server.createDatabase())
  await server.sql(`GRANT CREATE ON DATABASE ${own.pathname.slice(1)} TO app`)
  admin = new pg.Client({ connectionString: own.href })
  await admin.connect()
  own.username = 'app'
  direct = own.href
  proxy = await Proxy.start(server)
  url = proxy.url(direct)
})
afterAll(async () => {
  await admin?.end()
  await proxy?.close()
  await server?.dispose()
})

/** Does something with a plain client as the ordinary role. */
async function plainly<T>(body: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: direct })
  await client.connect()
  try {
    return await body(client)
  } finally {
    await client.end()
  }
}

async function written(): Promise<number> {
  const { rows } = await admin.query('SELECT count(*)::int AS n FROM app.ledger')
  return rows[0].n
}

/** Makes it, and shows that it is what it shall be: a write, once, that READ ONLY refuses. */
async function hidden(made: HiddenWrite): Promise<HiddenWrite> {
  await plainly(async (client) => {
    await client.query(hidingPlace)
    await client.query(made.setup)
    if (made.before !== undefined) await client.query(made.before)
    await client.query(made.text)
  })
  expect(await written()).toBe(1)
  const code = await plainly(async (client) => {
    if (made.before !== undefined) await client.query(made.before)
    await client.query('BEGIN READ ONLY')
    return client.query(made.text).then(
      () => undefined,
      (error) => error.code,
    )
  })
  expect(code).toBe('25006')
  return made
}

/** How it is asked for. */
type Way = (client: pg.PoolClient, made: HiddenWrite) => Promise<unknown>

const ways: Readonly<Record<string, Way>> = {
  'in autocommit': (client, { text }) => client.query(text),
  'in autocommit, by the extended protocol': (client, { text }) =>
    client.query({ text, queryMode: 'extended' } as pg.QueryConfig),
  'in a transaction': async (client, { text }) => {
    await client.query('BEGIN')
    await client.query(text)
    await client.query('COMMIT')
  },
  'in a transaction with reads around it': async (client, { text }) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT n FROM app.one')
    await client.query({ text, queryMode: 'extended' } as pg.QueryConfig)
    await client.query('SELECT $1::int', [1])
    await client.query('COMMIT')
  },
}

/** What happens at a frame. */
const faults: Readonly<Record<string, () => Action | Promise<Action>>> = {
  'is reset': () => 'reset',
  'is reset behind': () => 'pass-then-reset',
  'is lost with all answers behind': () => 'swallow',
  'finds its backend terminated': async (): Promise<Action> => {
    await admin.query(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'",
    )
    return 'pass'
  },
}

/** Executes it with something that happens once, and holds what was told against what was written. */
async function survives(
  made: HiddenWrite,
  way: Way,
  harm: (frame: Frame) => Action | Promise<Action>,
  before: (client: pg.PoolClient) => Promise<unknown> = async () => undefined,
): Promise<string> {
  await admin.query('TRUNCATE app.ledger')
  let told = 'committed'
  await withThrowaway(url, async (client) => {
    client.on('error', () => undefined)
    if (made.before !== undefined) await client.query(made.before)
    await client.query('SELECT 1')
    await before(client)
    const stop = proxy.onFrame(harm)
    try {
      await way(client, made)
    } catch (error) {
      told = outcomeOf(error) ?? `nothing: ${String(error)}`
    } finally {
      stop()
    }
  })
  // What lives on unheard may still write.
  await until(async () => {
    const { rows } = await admin.query("SELECT FROM pg_stat_activity WHERE usename = 'app'")
    return rows.length === 0
  })
  const rows = await written()
  const possible: Record<string, readonly number[]> = {
    committed: [1],
    'rolled-back': [0],
    'not-sent': [0],
    'in-doubt': [0, 1],
  }
  expect(possible[told] ?? told, `${told}, and ${rows} rows`).toContain(rows)
  return told
}

const pass = (): Action => 'pass'

/** The frames that pass where nothing happens. */
async function framesOf(made: HiddenWrite, way: Way): Promise<number> {
  let frames = 0
  const count = (): Action => {
    frames++
    return 'pass'
  }
  expect(await survives(made, way, count)).toBe('committed')
  return frames
}

/** Something at the one frame, counted from 0. */
function at(place: number, fault: () => Action | Promise<Action>): () => Action | Promise<Action> {
  let frame = 0
  return () => (frame++ === place ? fault() : 'pass')
}

/** Something at the first frame like this. */
function first(fits: (frame: Frame) => boolean, action: Action): (frame: Frame) => Action {
  let done = false
  return (frame) => {
    if (done || !fits(frame)) return 'pass'
    done = true
    return action
  }
}

/** Whether a frame is the answer of a server to what its text begins with. */
function answers(tag: RegExp): (frame: Frame) => boolean {
  return ({ from, type, text }) => from === 'server' && type === 'C' && tag.test(text)
}

const [autocommit, extended, inside] = Object.values(ways) as [Way, Way, Way]

const kinds: [string, HiddenWrite][] = [
  ...Object.keys(writes).map((write) => hide(write, [], 'SELECT')),
  ...Object.keys(covers).map((cover) => hide('an INSERT', [cover], 'SELECT')),
  ...Object.keys(shapes).map((shape) => hide('an INSERT', [], shape)),
].map((made) => [made.name, made])

describe.each(kinds)('%s, hidden in a read', (_name, made) => {
  beforeAll(() => hidden(made))

  it.each([
    ['by the simple protocol', autocommit],
    ['by the extended protocol', extended],
  ])('is in doubt, and not done twice, when its answer is lost (%s)', async (_how, way) => {
    for (const action of ['swallow', 'reset'] as const) {
      const harm = first(({ from, type }) => from === 'server' && type === 'C', action)
      const told = await survives(made, way, harm)
      expect(['in-doubt', 'committed']).toContain(told)
    }
  })
  it('is done once when COMMIT’s answer is lost, or in doubt', async () => {
    const told = await survives(made, inside, first(answers(/^COMMIT$/), 'swallow'))
    expect(['in-doubt', 'committed']).toContain(told)
  })
  it('is done once when COMMIT does not arrive', async () => {
    const isCommit = ({ from, text }: Frame): boolean => from === 'client' && text === 'COMMIT'
    await survives(made, inside, first(isCommit, 'reset'))
  })
  it.each([
    ['in autocommit', autocommit],
    ['in a transaction', inside],
  ])('is done once when its backend was terminated before (%s)', async (_where, way) => {
    expect(await survives(made, way, pass, (client) => kill(server, client))).toBe('committed')
  })
  it.each([
    ['in autocommit', autocommit],
    ['in a transaction', inside],
  ])(
    'is done once when its backend is terminated in the middle of it (%s)',
    async (_where, way) => {
      await admin.query('SELECT pg_advisory_lock(11)')
      const isAtGate = async (): Promise<unknown> => {
        const { rows } = await admin.query(
          "SELECT pid FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock'",
        )
        return rows[0]?.pid
      }
      const terminated = until(isAtGate).then(async (pid) => {
        await admin.query('SELECT pg_terminate_backend($1, 5000)', [pid])
        await admin.query('SELECT pg_advisory_unlock(11)')
      })
      const [told] = await Promise.all([survives(made, way, pass), terminated])
      expect(told).toBe('committed')
    },
  )
})

const any = (of: object): fc.Arbitrary<string> => fc.constantFrom(...Object.keys(of))
const combination = fc
  .tuple(any(writes), fc.array(any(covers), { maxLength: 4 }), any(shapes))
  .map(([write, under, shape]) => hide(write, under, shape))

it('whatever hides a write, and whatever frame its connection ends at: it is never done twice, and what is told is true', async () => {
  await fc.assert(
    fc.asyncProperty(
      combination,
      fc.array(fc.tuple(any(ways), any(faults), fc.double({ min: 0, max: 1, maxExcluded: true })), {
        minLength: 4,
        maxLength: 4,
      }),
      async (made, losses) => {
        await hidden(made)
        for (const [way, fault, place] of losses) {
          const work = ways[way] as Way
          const frames = await framesOf(made, work)
          const harm = at(Math.floor(place * frames), faults[fault] as () => Action)
          await survives(made, work, harm)
        }
      },
    ),
    { numRuns: 40, interruptAfterTimeLimit: 40_000, endOnFailure: false },
  )
}, 120_000)
