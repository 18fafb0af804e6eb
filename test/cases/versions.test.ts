import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  incarnationColumns,
  readIncarnation,
  sameHistory,
  sameIncarnation,
} from '../../packages/pg/src/connection/incarnation.ts'
import type { Inquiry } from '../../packages/pg/src/connection/inquiry.ts'
import type { Raw } from '../../packages/pg/src/connection/wire.ts'
import { isSameTransaction } from '../../packages/pg/src/witness/same-transaction.ts'
import type { Witness } from '../../packages/pg/src/witness/witness.ts'
import { Server, versions } from '../kit/index.ts'
import { faults, Range, statements, transactions } from './boundary.ts'
import { expectHonest, expectOnce } from './verdicts.ts'

// Version 18 has all the other tests.
describe.each(versions.filter((version) => version !== '18'))('PostgreSQL %s', (version) => {
  let server: Server
  let range: Range

  beforeAll(async () => {
    server = await Server.start({ version, settings: { fsync: 'on' } })
    range = await Range.open(server)
  })
  afterAll(async () => {
    await range?.close()
    await server?.dispose()
  })

  it('a transaction is done once, at every third frame, with every fault', async () => {
    const work = transactions['a transaction that reads and writes']
    for (const fault of Object.values(faults)) {
      expectOnce(await range.everywhere(work as NonNullable<typeof work>, fault, {}, 3))
    }
  })
  it('a write without one is done as the caller is told, and once with exactlyOnce', async () => {
    const work = statements['an autocommit insert with its answer']
    for (const fault of Object.values(faults)) {
      expectHonest(await range.everywhere(work as NonNullable<typeof work>, fault, {}, 3))
      const verdicts = await range.everywhere(
        work as NonNullable<typeof work>,
        fault,
        { exactlyOnce: true },
        3,
      )
      expectOnce(verdicts)
    }
  })
  it('a crash makes another incarnation of the same history; a clean restart keeps the ids', async () => {
    const look = async (): Promise<Witness> => {
      const [row] = await server.sql(
        `SELECT now()::text AS began, pg_current_xact_id()::text AS xid,
         ARRAY[${incarnationColumns}]::text[] AS columns`,
      )
      const incarnation = readIncarnation(row?.columns as unknown[])
      const began = new Date(String(row?.began)).toISOString()
      return {
        backend: { pid: 1, began, incarnation },
        xid: String(row?.xid),
        began: undefined,
      }
    }
    const ask: Inquiry = async (text) => ({
      rows: (await server.sql(text)).map((row) => Object.values(row) as Raw[]),
      code: undefined,
    })
    const first = await look()
    await server.restart('fast')
    const second = await look()
    expect(sameIncarnation(first.backend.incarnation, second.backend.incarnation)).toBe(false)
    expect(await isSameTransaction(first, second.backend.incarnation, ask)).toBe(true)
    const later = { ...second, backend: first.backend }
    expect(await isSameTransaction(later, second.backend.incarnation, ask)).toBe(false)
    await server.sql('CHECKPOINT')
    expect(await isSameTransaction(first, second.backend.incarnation, ask)).toBe(false)
    await server.restart('immediate')
    const third = await look()
    expect(await isSameTransaction(second, third.backend.incarnation, ask)).toBe(false)
    expect(sameHistory(second.backend, third.backend.incarnation)).toBe(true)
    expect(sameHistory(third.backend, second.backend.incarnation)).toBe(false)
  })
})
