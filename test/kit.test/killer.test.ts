import { afterAll, beforeAll, expect, test } from 'vitest'
import { Killer, Server, seeded, until } from '../kit/index.ts'
import { ObservedClient } from './observed-client.ts'

let server: Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.dispose())

test('kills the clients of its database one by one, and nobody else', async () => {
  const url = await server.createDatabase()
  const victims = await Promise.all([1, 2, 3].map(() => ObservedClient.open(url)))
  const bystander = await ObservedClient.open(server.url)
  const [admin] = await server.sql('select pg_backend_pid() as pid')
  const killer = new Killer(server, { everyMs: 1, database: url, seed: 1 })
  killer.start()
  killer.start()
  await Promise.all(victims.map((victim) => victim.over))
  // A backend may be hit again before it is gone.
  expect(await killer.stop()).toBeGreaterThanOrEqual(3)
  for (const victim of victims) expect(victim.codes).toContain('57P01')
  expect(await server.sql('select pg_backend_pid() as pid')).toEqual([admin])
  await bystander.query('select 1')
  await bystander.end()
})

test('after stop nobody is killed, and it can start again', async () => {
  const killer = new Killer(server, { everyMs: 1, database: 'postgres', random: Math.random })
  expect(await killer.stop()).toBe(0)
  const first = await ObservedClient.open(server.url)
  killer.start()
  await first.over
  const kills = await killer.stop()
  expect(kills).toBe(killer.kills)
  const second = await ObservedClient.open(server.url)
  for (let i = 0; i < 20; i++) await second.query('select 1')
  expect(killer.kills).toBe(kills)
  killer.start()
  await second.over
  expect(await killer.stop()).toBeGreaterThan(kills)
})

test('goes on when the server is back', async () => {
  const killer = new Killer(server, { everyMs: 1 })
  killer.start()
  await server.restart('immediate')
  const before = killer.kills
  const connected = await until(() => ObservedClient.open(server.url).catch(() => undefined))
  await connected.over
  await until(() => killer.kills > before)
  await killer.stop()
})

test('the same seed makes the same choices', () => {
  const draw = (seed: number) => Array.from({ length: 5 }, seeded(seed))
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  for (const number of draw(9)) expect(number).toBeLessThan(1)
})

test('until gives up with a sentence', async () => {
  await expect(until(() => false, { timeoutMs: 1, what: 'nothing' })).rejects.toThrow(
    'Waited 1 ms in vain for nothing',
  )
  const failing = () => {
    throw new Error('at once')
  }
  await expect(until(failing)).rejects.toThrow('at once')
})
