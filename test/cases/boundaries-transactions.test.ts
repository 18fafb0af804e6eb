import { afterAll, beforeAll, describe, it } from 'vitest'
import { Server } from '../kit/index.ts'
import { faults, Range, transactions } from './boundary.ts'
import { expectOnce } from './verdicts.ts'

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

describe.each(Object.entries(transactions))('%s', (_name, work) => {
  describe.each(Object.entries(faults))('with %s, at every frame', (_fault, fault) => {
    it.each([false, true])(
      'is done exactly once, and the caller never knows (exactlyOnce: %s)',
      async (exactlyOnce) => {
        expectOnce(await range.everywhere(work, fault, { exactlyOnce }))
      },
    )
  })
})
