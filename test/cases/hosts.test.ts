import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { freePort } from '../kit/free-port.ts'
import { Ledger, Server, until } from '../kit/index.ts'
import { type OpenRequest, subject, subjectNames } from '../subjects/index.ts'

let primary: Server
let standby: Server
let database: string
let hosts: string[]

beforeAll(async () => {
  primary = await Server.start()
  const url = await primary.createDatabase()
  await Ledger.create(primary, url)
  database = new URL(url).pathname
  standby = await primary.standby()
  hosts = [await freePort(), standby.port, primary.port].map((port) => `127.0.0.1:${port}`)
  for (const name of subjectNames) await (await subject(name)).prepare?.()
}, 180_000)
afterAll(() => Promise.all([primary?.dispose(), standby?.dispose()]))

/** Writes a row, and finds it on the standby. */
async function writes(request: OpenRequest, name: (typeof subjectNames)[number]): Promise<void> {
  const client = await (await subject(name)).open({ max: 2, ...request })
  const token = randomUUID()
  await client.insert({ token, source: 1, target: 2, amount: 1 })
  await client.transaction((inside) => inside.add(1, 1))
  await client.close()
  const reader = await (await subject(name)).open({
    ...request,
    reprise: { hosts, target: 'standby' },
  })
  const there = async (): Promise<boolean> =>
    (await reader.raw(`SELECT FROM transfer WHERE token = '${token}'`)).length === 1
  await until(there, { what: 'the row to reach the standby' })
  await reader.close()
}

describe.each(subjectNames)('%s among several hosts', (name) => {
  it.each(['line', 'door'] as const)('finds the primary, by the options (%s)', async (through) => {
    // The address that an ORM insists on is that of the standby.
    const url = `postgres://postgres@127.0.0.1:${standby.port}${database}`
    await writes({ url, reprise: { hosts, target: 'primary' }, through }, name)
  })
  // MikroORM reads its URL itself, as one with one host.
  if (name === 'mikro-orm') return
  it.each(['line', 'door'] as const)('finds it by the connection string (%s)', async (through) => {
    const url = `postgres://postgres@${hosts}${database}?target_session_attrs=primary`
    await writes({ url, reprise: {}, through }, name)
  })
})
