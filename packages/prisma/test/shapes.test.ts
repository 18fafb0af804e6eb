import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { ofStatement, Proxied } from './shop/proxied.ts'
import { shapes } from './shop/shapes.ts'
import { Shop } from './shop/shop.ts'

let shop: Shop
let proxied: Proxied

beforeAll(async () => {
  shop = await Shop.create(inject('serverUrl'))
  proxied = await Proxied.open(shop)
})
afterAll(async () => {
  await proxied?.close()
  await shop?.close()
})
beforeEach(() => shop.refill())

describe.each(Object.entries(shapes))('%s', (_name, shape) => {
  test('is done once, whichever of its statements is killed', async () => {
    const work = (client: Parameters<typeof shape>[0]): Promise<unknown> => shape(client, 'token')
    const calm = await proxied.run(work, ofStatement, -1, () => 'pass')
    expect(calm.error).toBeUndefined()
    const expected = await shop.contents()
    expect(calm.frames).toBeGreaterThan(0)
    for (let at = 0; at < calm.frames; at++) {
      await shop.refill()
      const { answer, error } = await proxied.run(work, ofStatement, at, async (_frame, shop) => {
        await shop.killAll()
        return 'pass' as const
      })
      expect(error, `at frame ${at} of ${calm.frames}`).toBeUndefined()
      expect(answer).toEqual(calm.answer)
      expect(await shop.contents()).toEqual(expected)
    }
  })
})
