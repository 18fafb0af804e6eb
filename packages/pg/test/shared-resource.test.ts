import { expect, it } from 'vitest'
import { SharedResource } from '../src/exchange/shared-resource.ts'

/** Counts what is opened and closed. */
function counted(): { open: () => Promise<number>; close: (n: number) => void; closed: number[] } {
  let opened = 0
  const closed: number[] = []
  return { open: async () => ++opened, close: (n) => closed.push(n), closed }
}

it('is opened once for all that need it at the same time, and closed behind the last', async () => {
  const { open, close, closed } = counted()
  const shared = new SharedResource<number>()
  const last = Promise.withResolvers<void>()
  const first = shared.use(open, close, async (n) => n)
  const second = shared.use(open, close, async (n) => last.promise.then(() => n))
  expect(await first).toBe(1)
  expect(closed).toEqual([])
  last.resolve()
  expect(await second).toBe(1)
  expect(closed).toEqual([1])
  expect(await shared.use(open, close, async (n) => n)).toBe(2)
})

it('one that has failed somebody serves nobody who comes later, however long others hold it', async () => {
  const { open, close, closed } = counted()
  const shared = new SharedResource<number>()
  const held = Promise.withResolvers<void>()
  const holder = shared.use(open, close, () => held.promise)
  await expect(shared.use(open, close, () => Promise.reject(new Error('gone')))).rejects.toThrow()
  expect(await shared.use(open, close, async (n) => n)).toBe(2)
  held.resolve()
  await holder
  expect(closed.toSorted()).toEqual([1, 2])
})

it('one that could not be opened is tried again by the next', async () => {
  const { open, close } = counted()
  const shared = new SharedResource<number>()
  const refuse = (): Promise<number> => Promise.reject(new Error('refused'))
  await expect(shared.use(refuse, close, async (n) => n)).rejects.toThrow('refused')
  expect(await shared.use(open, close, async (n) => n)).toBe(1)
})
