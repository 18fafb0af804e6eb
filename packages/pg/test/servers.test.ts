import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { settingsOf } from '@reprise/core'
import type { RepriseOptions } from '@reprise/pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { type ServerShare, sharedAmong, sharedWith } from '../src/exchange/servers.ts'
import { kill, listen, poolOn } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.dispose())

const two = { capacity: 2, deposit: 1e-9, perSecond: 1e-9 }

async function lossesMended(url: string, options: RepriseOptions): Promise<number> {
  const pool = poolOn(url, options)
  const client = await pool.connect()
  let mended = 0
  for (; mended < 3; mended++) {
    await kill(server, client)
    const answer = await client.query('SELECT 1').catch((error) => error)
    if (answer.reason === 'budget') break
  }
  client.release()
  await pool.end()
  return mended
}

describe('what belongs to a server', () => {
  it('its retry budget is one for all calls with the same limits, whatever else they say', async () => {
    const url = await server.createDatabase()
    expect(await lossesMended(url, { budget: two })).toBe(2)
    expect(await lossesMended(url, { budget: { ...two }, deadline: 5000 })).toBe(0)
  })
  it('a call with limits of its own, or another database, has a budget of its own', async () => {
    const [url, other] = [await server.createDatabase(), await server.createDatabase()]
    expect(await lossesMended(url, { budget: two })).toBe(2)
    expect(await lossesMended(url, { budget: { ...two, capacity: 1 } })).toBe(1)
    expect(await lossesMended(other, { budget: two })).toBe(2)
  })
  it('a witness that it refused to one call is not asked for by another', async () => {
    const url = await server.createDatabase()
    await server.sql('CREATE ROLE unasked LOGIN')
    const admin = poolOn(url)
    await admin.query('CREATE TABLE t (a int); GRANT ALL ON t TO unasked')
    await admin.query('REVOKE EXECUTE ON FUNCTION pg_control_system FROM PUBLIC')
    using advised = listen('reprise:advice')
    const role = new URL(url)
    role.username = 'unasked'
    for (let i = 0; i < 2; i++) {
      const pool = poolOn(role.href)
      await pool.query('INSERT INTO t VALUES (1)')
      await pool.end()
    }
    expect(advised.seen).toHaveLength(1)
    expect((await admin.query('SELECT FROM t')).rowCount).toBe(2)
    await admin.end()
  })
  it('is knocked at by one prober, whichever database and user is wanted', () => {
    const settings = settingsOf()
    const at = { host: 'tenants', port: 1 }
    const one = sharedWith(at, { database: 'a', user: 'b' }, settings)
    const other = sharedWith(at, { database: 'c', user: 'd' }, settings)
    expect(one.gate).toBe(other.gate)
    expect(one.probe).not.toBe(other.probe)
    expect(sharedWith({ ...at, port: 2 }, {}, settings).gate).not.toBe(one.gate)
  })
  it('of a list of hosts is shared in whatever order they are given; the gate by what is wanted', () => {
    const settings = settingsOf()
    const [one, two] = [
      { host: 'one', port: 1 },
      { host: 'two', port: 1 },
    ]
    const me = { database: 'a', user: 'b' }
    const given = sharedAmong([one, two], 'primary', me, settings)
    const turned = sharedAmong([two, one], 'primary', me, settings)
    expect(turned.budget).toBe(given.budget)
    expect(turned.gate).toBe(given.gate)
    expect(turned.known).toBe(given.known)
    const reading = sharedAmong([one, two], 'standby', { ...me, user: 'c' }, settings)
    expect(reading.known).toBe(given.known)
    expect(reading.gate).not.toBe(given.gate)
    expect(reading.budget).not.toBe(given.budget)
    expect(sharedAmong([one], 'primary', me, settings).known).not.toBe(given.known)
  })
  it('is knocked at by the same prober, alone or in a list', () => {
    const settings = settingsOf()
    const one = { host: 'alone', port: 1 }
    expect(sharedAmong([one], 'any', {}, settings).gate).toBe(sharedWith(one, {}, settings).gate)
    expect(sharedAmong([one], 'primary', {}, settings).gate).not.toBe(
      sharedWith(one, {}, settings).gate,
    )
  })
  it('is forgotten with its sessions, so that many tenants cost nothing', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const settings = settingsOf()
    const at = (tenant: number): ServerShare =>
      sharedWith({ host: 'many', port: 1 }, { database: `t${tenant}`, user: 'u' }, settings)
    const held = at(0)
    const others = Array.from({ length: 500 }, (_, i) => new WeakRef(at(i + 1)))
    const left = (): number => others.filter((ref) => ref.deref() !== undefined).length
    await until(
      () => {
        collect()
        return left() <= 100
      },
      { what: 'those nobody holds to be collected' },
    )
    expect(at(0)).toBe(held)
    expect(at(500)).toBe(others[499]?.deref())
  })
})
