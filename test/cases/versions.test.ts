import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  incarnationColumns,
  readIncarnation,
  sameHistory,
  sameIncarnation,
} from '../../packages/pg/src/connection/incarnation.ts'
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
  it('a crash makes another incarnation of the same history, and a clean restart does not', async () => {
    const read = async (): Promise<ReturnType<typeof readIncarnation>> => {
      const [row] = await server.sql(`SELECT ARRAY[${incarnationColumns}]::text[] AS columns`)
      return readIncarnation(row?.columns as unknown[])
    }
    const first = await read()
    await server.restart('fast')
    const second = await read()
    expect(sameIncarnation(first, second)).toBe(true)
    await server.restart('immediate')
    const third = await read()
    expect(sameIncarnation(second, third)).toBe(false)
    expect(sameHistory(second, third)).toBe(true)
  })
})
