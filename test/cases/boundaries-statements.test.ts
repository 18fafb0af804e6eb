import { afterAll, beforeAll, describe, it } from 'vitest'
import { Server } from '../kit/index.ts'
import { faults, Range, statements } from './boundary.ts'
import { expectHonest, expectOnce } from './verdicts.ts'

let server: Server
let range: Range

beforeAll(async () => {
  server = await Server.start({ settings: { fsync: 'on' } })
  range = await Range.open(server)
})
afterAll(async () => {
  await range?.close()
  await server?.dispose()
})

describe.each(Object.entries(statements))('%s', (_name, work) => {
  describe.each(Object.entries(faults))('with %s, at every frame', (_fault, fault) => {
    it('is done once, or not at all, or in doubt, as the caller is told', async () => {
      expectHonest(await range.everywhere(work, fault, {}))
    })
    it('is done exactly once with exactlyOnce, and the caller never knows', async () => {
      expectOnce(await range.everywhere(work, fault, { exactlyOnce: true }))
    })
  })
})
