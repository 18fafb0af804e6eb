import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Action, type Frame, Ledger, Proxy, Server } from '../kit/index.ts'
import {
  type Opened,
  type SubjectName,
  subject,
  subjectNames,
  type Transfer,
} from '../subjects/index.ts'

let server: Server
let proxy: Proxy
let direct: string
let admin: pg.Client

beforeAll(async () => {
  server = await Server.start()
  proxy = await Proxy.start(server)
  direct = await server.createDatabase()
  await Ledger.create(server, direct)
  admin = new pg.Client({ connectionString: direct })
  await admin.connect()
  await admin.query(`CREATE TABLE secret (owner text); INSERT INTO secret VALUES ('a'), ('b');
    CREATE ROLE tenant; GRANT SELECT ON secret TO tenant; ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON secret USING (owner = current_setting('app.tenant', true))`)
})
afterAll(async () => {
  await admin?.end()
  await proxy?.close()
  await server?.dispose()
})

/** What may happen at a frame of one connection. */
const faults: Readonly<Record<string, (frame: Frame) => Promise<Action> | Action>> = {
  'a reset': () => 'reset',
  'the loss of its answer': () => 'swallow',
  'the termination of its backend': async (): Promise<Action> => {
    await server.sql(
      "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name NOT IN ('reprise-kit', 'admin') AND pid <> $1",
      [(admin as unknown as { processID: number }).processID],
    )
    return 'pass'
  },
}

const written = async (token: string): Promise<number> =>
  (await admin.query('SELECT count(*)::int AS n FROM transfer WHERE token = $1', [token])).rows[0].n

const order = (): Transfer => ({ token: randomUUID(), source: 1, target: 2, amount: 1 })

/** Does the work with a fault at one of its frames; says whether it had that many. */
async function faultAt(
  at: number,
  fault: (frame: Frame) => Promise<Action> | Action,
  work: () => Promise<unknown>,
): Promise<boolean> {
  let index = 0
  let happening: Promise<Action> | undefined
  const forget = proxy.onFrame((frame) => {
    if (happening !== undefined || index++ !== at) return 'pass'
    happening = Promise.resolve(fault(frame))
    return happening
  })
  try {
    await work()
  } finally {
    forget()
    await happening
  }
  return happening !== undefined
}

const ways: (readonly [SubjectName, 'line' | 'door'])[] = subjectNames.map((name) => [name, 'line'])
for (const name of subjectNames) if (name !== 'pg') ways.push([name, 'door'])

describe.each(ways)('%s, through its %s', (name, through) => {
  let opened: Opened

  beforeAll(async () => {
    const { prepare, open } = await subject(name)
    await prepare?.()
    opened = await open({
      url: proxy.url(direct),
      reprise: { backoff: { base: 1, cap: 20 } },
      max: 1,
      through,
    })
    await opened.read(1)
  })
  afterAll(() => opened?.close())

  it.each(Object.entries(faults))(
    'a transaction is done once, wherever there is %s',
    async (_name, fault) => {
      for (let at = 0; ; at++) {
        const transfer = order()
        const before = await opened.read(1)
        const happened = await faultAt(at, fault, () => opened.transfer(transfer))
        expect(await written(transfer.token)).toBe(1)
        expect(await opened.read(1)).toEqual({
          id: 1,
          balance: before.balance - 1,
          version: before.version + 1,
        })
        if (!happened) break
      }
    },
  )
  it('a write without a transaction is done once, wherever its backend is terminated', async () => {
    for (let at = 0; ; at++) {
      const transfer = order()
      const happened = await faultAt(
        at,
        faults['the termination of its backend'] as () => Action,
        () => opened.insert(transfer),
      )
      expect(await written(transfer.token)).toBe(1)
      if (!happened) break
    }
  })
  it('no statement runs without the row-level security that was set up', async () => {
    await opened.raw("SELECT set_config('app.tenant', 'a', false)")
    await opened.raw('SET ROLE tenant')
    for (const fault of Object.values(faults)) {
      for (let at = 0; ; at++) {
        let rows: unknown
        const happened = await faultAt(at, fault, async () => {
          rows = await opened.raw('SELECT owner FROM secret')
        })
        expect(rows).toEqual([{ owner: 'a' }])
        if (!happened) break
      }
    }
    await opened.raw('RESET ROLE')
  })
})
