import { randomUUID } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { counters, type Events } from '@reprise/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Ledger, Server } from '../kit/index.ts'
import { subject, subjectNames } from '../subjects/index.ts'

let server: Server
let url: string
beforeAll(async () => {
  server = await Server.start()
  url = await server.createDatabase()
  await Ledger.create(server, url, { accounts: 2 })
}, 120_000)
afterAll(() => server?.dispose())

const ends = 'SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1'

describe.each(subjectNames)('%s', (name) => {
  it.each(['line', 'door'] as const)(
    'by the %s has one line in its log for a transaction that was lost and replayed, and counts it for its pool',
    async (through) => {
      const lines: string[] = []
      const say = (line: string): unknown => lines.push(line)
      const log = { info: say, warn: say, error: say }
      const client = await subject(name)
      await client.prepare?.()
      const poolName = `${name} by the ${through}`
      const opened = await client.open({ url, through, max: 1, reprise: { log, poolName } })
      const heard: (string | undefined)[] = []
      const hear = (event: unknown): unknown =>
        heard.push((event as Events['reprise:recovery']).poolName)
      subscribe('reprise:recovery', hear)
      const order = { token: randomUUID(), source: 1, target: 2, amount: 1 }
      await opened.transfer(order, async () => {
        await server.sql(ends, [new URL(url).pathname.slice(1)])
      })
      await opened.close()
      unsubscribe('reprise:recovery', hear)
      expect(lines).toEqual([
        expect.stringMatching(
          `^reprise \\(${poolName}\\): backend terminated \\(57P01\\) on 127\\.0\\.0\\.1:\\d+, transaction of \\d+ statements? replayed in \\d+ ms$`,
        ),
      ])
      expect(heard).toEqual([poolName])
      expect(counters(poolName)).toMatchObject({ losses: 1, replays: 1, mended: 1 })
    },
  )
})
