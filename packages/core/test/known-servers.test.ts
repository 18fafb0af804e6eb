import { setImmediate as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { knownServers, remember } from '../src/pace/known-servers.ts'

const server = (host: string) => ({
  host,
  port: 5432,
  database: 'd',
  budget: { balance: 1 },
  gate: { down: false },
})

const registry = Symbol.for('reprise.known.2')

test('a server is found for as long as somebody holds it, and leaves nothing behind', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  // As in a process that knows none yet.
  delete (globalThis as Record<symbol, unknown>)[registry]
  expect(knownServers()).toEqual([])
  const held = server('held')
  remember(held)
  for (let i = 0; i < 1000; i++) remember(server(`tenant-${i}`))
  expect(knownServers()).toContain(held)
  const left = (): number => {
    const kept = (globalThis as Record<symbol, unknown>)[registry]
    return (kept as { servers: Set<unknown> }).servers.size
  }
  while (left() > 1) {
    await pause()
    collect()
  }
  expect(knownServers()).toEqual([held])
})
