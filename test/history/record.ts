import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { outcomeOf, Server, seeded, Proxy as WireProxy } from '../kit/index.ts'
import { again, withNaiveRetry } from '../lanes/naive-retry.ts'
import { type Opened, type Operations, type SubjectName, subject } from '../subjects/index.ts'
import { Faults } from '../torture/faults.ts'
import type { FaultName } from '../torture/options.ts'
import type { Isolation } from './check.ts'
import type { Lists } from './elements.ts'
import type { Step, Transaction } from './transaction.ts'

/** How to make a history. */
export interface RecordOptions {
  readonly subject: SubjectName
  readonly isolation: Isolation
  readonly faults: readonly FaultName[]
  readonly seconds: number
  readonly workers: number
  readonly seed: number
  /** The client as it comes, which does everything again that looks like a lost connection. */
  readonly control: boolean
}

/** What its clients were told, what is in the database, and how often each fault happened. */
export interface Recorded {
  readonly history: readonly Transaction[]
  readonly lists: Lists
  readonly faults: Readonly<Record<string, number>>
}

/** How many lists there are at a time, and how many elements one gets before the next is used. */
const keys = 6
const mostValues = 60

/** Has callers append to lists and read them, each in one transaction, while faults happen. */
export async function record(options: RecordOptions, signal: AbortSignal): Promise<Recorded> {
  const { isolation, faults, seconds, seed, control } = options
  const { prepare, open } = await subject(options.subject)
  await prepare?.()
  await using server = await Server.start()
  const url = await server.createDatabase()
  const database = new URL(url).pathname.slice(1)
  await server.sql(`alter database ${database} set default_transaction_isolation = '${isolation}'`)
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query('create table list (key int primary key, val text not null)')
  await admin.end()
  await using proxy = await WireProxy.start(server)
  const opened = await open({
    url: proxy.url(url),
    reprise: control ? false : {},
    max: options.workers,
  })
  const client = control ? withNaiveRetry(opened) : opened
  const history: Transaction[] = []
  const stopped = new AbortController()
  const fire = new Faults(faults, server, { database, proxy }, seed)
  const workers = Array.from({ length: options.workers }, (_, at) =>
    work(client, history, { ...options, seed: seed + at + 1 }, stopped.signal),
  )
  fire.start()
  await sleep(seconds * 1000, undefined, { signal }).finally(() => stopped.abort())
  await fire.stop()
  await Promise.all(workers)
  await client.close()
  // What was in doubt may still be under way.
  await server.sql(
    'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1',
    [database],
  )
  return { history, lists: await listsIn(url), faults: fire.counts }
}

async function listsIn(url: string): Promise<Lists> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  const { rows } = await admin.query('select key, val from list')
  await admin.end()
  return new Map(rows.map(({ key, val }) => [Number(key), valuesOf(val)]))
}

function valuesOf(val: unknown): number[] {
  return val === undefined ? [] : String(val).split(',').map(Number)
}

/** One caller: transaction after transaction, each with an id and values that nobody else has. */
async function work(
  client: Opened,
  history: Transaction[],
  { seed, control }: RecordOptions,
  stopped: AbortSignal,
): Promise<void> {
  const random = seeded(Math.imul(seed, 0x9e3779b1))
  const below = (most: number): number => Math.floor(random() * most)
  while (!stopped.aborted) {
    const id = history.push({ id: 0, end: 'unknown', steps: [] })
    const wanted = Array.from({ length: 1 + below(5) }, (_, at): Step => {
      const key = Math.floor((id * 2) / (keys * mostValues)) * keys + below(keys)
      return random() < 0.5
        ? { is: 'append', key, value: id * 10 + at }
        : { is: 'read', key, values: [] }
    })
    let steps: Step[] = []
    const transact = (): Promise<void> =>
      client.transaction(async (inside) => {
        steps = []
        for (const step of wanted) steps.push(await perform(inside, step))
      })
    let end: Transaction['end'] = 'committed'
    try {
      await (control ? again(transact) : transact())
    } catch (error) {
      end = endBy(error)
      // Of what did not get so far it is not known whether it was done.
      steps = wanted.filter(({ is }) => is === 'append')
    }
    history[id - 1] = { id, end, steps }
  }
}

async function perform({ raw }: Operations, step: Step): Promise<Step> {
  const { key } = step
  if (step.is === 'read') {
    const [row] = await raw(`select val from list where key = ${key}`)
    return { ...step, values: valuesOf(row?.val) }
  }
  await raw(`insert into list values (${key}, '${step.value}')
    on conflict (key) do update set val = list.val || ',' || excluded.val`)
  return step
}

/** Only what is said to be rolled back, by Reprise or by PostgreSQL's own error, was. */
function endBy(error: unknown): Transaction['end'] {
  const outcome = outcomeOf(error)
  if (outcome === 'committed') return 'committed'
  if (outcome === 'rolled-back' || outcome === 'not-sent') return 'aborted'
  return outcome === undefined && isConflict(error) ? 'aborted' : 'unknown'
}

/** A serialization failure or a deadlock, in the words of an ORM, too. */
function isConflict(error: unknown): boolean {
  const seen = new Set<unknown>()
  const queue: unknown[] = [error]
  for (const at of queue) {
    if (typeof at !== 'object' || at === null || seen.has(at)) continue
    seen.add(at)
    const { code, originalCode, ...rest } = at as { code?: unknown; originalCode?: unknown }
    if (/^(40001|40P01|P2034)$/.test(String(originalCode ?? code))) return true
    queue.push(...Object.values(rest), (at as Error).cause)
  }
  return false
}
