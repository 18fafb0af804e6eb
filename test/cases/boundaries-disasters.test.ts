import { afterAll, beforeAll, describe, it } from 'vitest'
import { Server } from '../kit/index.ts'
import { disasters, Range, statements, transactions } from './boundary.ts'
import { expectHonest } from './verdicts.ts'

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

// A crash makes a new incarnation, in which what an id says is no proof any more: a doubt is honest.
const work = [Object.entries(statements)[1], Object.entries(transactions)[0]].filter(
  (entry) => entry !== undefined,
)

describe.each(work)('%s', (_name, scenario) => {
  it.each(Object.entries(disasters))(
    'with %s at every third frame, is done once, or not at all, or in doubt, as the caller is told',
    async (_disaster, disaster) => {
      expectHonest(await range.everywhere(scenario, disaster, {}, 3))
    },
    180_000,
  )
})
