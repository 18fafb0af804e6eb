import {
  DataSource,
  EntitySchema,
  type EntitySubscriberInterface,
  EventSubscriber,
  QueryFailedError,
} from 'typeorm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Proxy as FaultProxy, until } from '../../../test/kit/index.ts'
import { diagnose, reprise, rerunnable } from '../src/index.ts'
import { Database } from './database.ts'

class Note {
  id!: number
  text!: string
  gone!: Date | null
}

const note = new EntitySchema<Note>({
  name: 'note',
  target: Note,
  columns: {
    id: { type: 'int', primary: true, generated: true },
    text: { type: 'text' },
    gone: { type: 'timestamptz', deleteDate: true, nullable: true },
  },
})

type Hook = keyof EntitySubscriberInterface

/** When a subscriber writes, and whether by the manager that it is handed or by one of its own. */
let hook: Hook | undefined
let handed = false

const audit = 'insert into audit default values'

async function write(
  name: Hook,
  event: { readonly queryRunner: { query(sql: string): unknown } },
): Promise<void> {
  if (name !== hook) return
  hook = undefined
  await (handed ? event.queryRunner : source).query(audit)
}

class Auditor implements EntitySubscriberInterface<Note> {}
EventSubscriber()(Auditor)
const hooks = [
  'beforeInsert',
  'afterInsert',
  'afterUpdate',
  'afterRemove',
  'afterSoftRemove',
  'beforeQuery',
  'afterQuery',
  'beforeTransactionCommit',
  'afterTransactionCommit',
] as const
for (const name of hooks) {
  Object.assign(Auditor.prototype, {
    [name]: (event: Parameters<typeof write>[1]) => write(name, event),
  })
}

let database: Database
let proxy: FaultProxy
let source: DataSource
/** At which write or COMMIT the server goes down; of all writes, if at none. */
let at = 0
let writes = 0

beforeAll(async () => {
  const url = inject('serverUrl')
  database = await Database.create(url)
  await database.sql(`
    create table note (id serial primary key, text text not null, gone timestamptz);
    create table audit (at timestamptz default now())`)
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(url).port) })
  source = new DataSource(
    reprise(
      {
        type: 'postgres',
        url: proxy.url(database.url),
        poolSize: 3,
        entities: [note],
        subscribers: [Auditor],
      },
      { deadline: 150, backoff: { base: 1, cap: 5 } },
    ),
  )
  await source.initialize()
  proxy.onFrame(({ from, type, text }) => {
    if (from !== 'client' || (type !== 'Q' && type !== 'P')) return 'pass'
    if (!/^(insert|update|delete|commit)/i.test(text) || ++writes !== at) return 'pass'
    proxy.refuse(true)
    return database.killAll().then(() => 'pass' as const)
  })
})

afterAll(async () => {
  await source.destroy()
  await proxy.close()
  await database.close()
})

const contents = async (): Promise<string> =>
  JSON.stringify([
    await database.sql('select text, gone is null from note order by 1'),
    await database.sql('select count(*) from audit'),
  ])

/** What is asked, with a hook that is called by it; `!` where the hook uses what it is handed. */
const hooked = (name: Hook | `${Hook}!`, call: () => Promise<unknown>) => (): Promise<unknown> => {
  handed = name.endsWith('!')
  hook = name.replace('!', '') as Hook
  return call()
}

const insert = (): Promise<unknown> => source.manager.insert(Note, { text: 'new' })
const save = (): Promise<unknown> => source.manager.save(Note, { text: 'new' })
const both = async (manager: DataSource['manager']): Promise<void> => {
  await manager.insert(Note, { text: 'inside' })
  await source.manager.insert(Note, { text: 'outside' })
  await manager.insert(Note, { text: 'last' })
}

const calls: Readonly<Record<string, () => Promise<unknown>>> = {
  'insert() with a subscriber that writes before it': hooked('beforeInsert!', insert),
  'insert() with a subscriber that writes after it': hooked('afterInsert!', insert),
  'insert() with a subscriber that writes by itself': hooked('afterInsert', insert),
  'update() with a subscriber': hooked('afterUpdate!', () =>
    source.manager.update(Note, { text: 'old' }, { text: 'changed' }),
  ),
  'delete() with a subscriber': hooked('afterRemove!', () =>
    source.manager.delete(Note, { text: 'old' }),
  ),
  'softDelete() with a subscriber': hooked('afterSoftRemove!', () =>
    source.manager.softDelete(Note, { text: 'old' }),
  ),
  'save() with a subscriber that writes by itself': hooked('afterInsert', save),
  'save() with a subscriber that writes before its COMMIT': hooked('beforeTransactionCommit', save),
  'save() with a subscriber that writes after its COMMIT': hooked('afterTransactionCommit', save),
  'query() with a subscriber that writes before it': hooked('beforeQuery', () =>
    source.query("insert into note (text) values ('raw')"),
  ),
  'query() with a subscriber that writes after it': hooked('afterQuery', () =>
    source.query("insert into note (text) values ('raw')"),
  ),
  'a transaction that writes by another manager': () => source.transaction(both),
  'a rerunnable transaction that writes by another manager': () =>
    source.transaction(rerunnable(both)),
  'a transaction with another one in it': () =>
    source.transaction(async (manager) => {
      await manager.insert(Note, { text: 'outer' })
      await source.transaction((inner) => inner.insert(Note, { text: 'inner' }))
      await manager.insert(Note, { text: 'last' })
    }),
  'commitTransaction() with a subscriber that writes after it': async () => {
    const runner = source.createQueryRunner()
    try {
      await runner.startTransaction()
      await runner.manager.insert(Note, { text: 'by hand' })
      hook = 'afterTransactionCommit'
      await runner.commitTransaction()
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction()
      throw error
    } finally {
      await runner.release()
    }
  },
}

test.each(Object.entries(calls))('%s says what became of all of it', async (_, call) => {
  const begin = async (): Promise<void> => {
    at = 0
    hook = undefined
    handed = false
    await until(() => source.query('select 1').then(Boolean, () => false))
    await database.sql("truncate note, audit; insert into note (text) values ('old')")
    writes = 0
  }
  await begin()
  const before = await contents()
  await call()
  const all = writes
  expect(all).toBeGreaterThan(1)
  const told = new Set<string>()
  for (let place = 1; place <= all; place++) {
    await begin()
    at = place
    const error = await call().then(
      () => undefined,
      (failure: unknown) => failure,
    )
    proxy.refuse(false)
    if (error === undefined) continue
    expect(error).toBeInstanceOf(QueryFailedError)
    const nothingKept = (await contents()) === before
    // A subscriber that is told of the failure may fail itself, at something that it never sent.
    const outcome = diagnose(error)?.outcome.replace('not-sent', 'rolled-back')
    told.add(`${nothingKept ? 'nothing' : 'a part'} kept: ${outcome}`)
    if (!nothingKept) expect(error).toMatchObject({ code: '08007', reason: 'in-parts' })
  }
  expect([...told].sort()).toEqual(['a part kept: in-doubt', 'nothing kept: rolled-back'])
})
