import { expect, it } from 'vitest'
import { type Here, KnownReach } from '../src/catalog/known-reach.ts'
import { writing } from '../src/catalog/writing.ts'
import type { Incarnation } from '../src/connection/incarnation.ts'
import type { Inquiry } from '../src/connection/inquiry.ts'
import { Interrupted } from '../src/exchange/ask.ts'
import { server } from './answers.ts'

/** A connection to that life of the server, which was told of these transactions when it was opened. */
const told = (snapshot: string | undefined, incarnation: Incarnation = server): Here => ({
  snapshot,
  backend: { pid: 1, began: '', incarnation },
})

/** A catalog that counts the questions to it, and answers them when it is let. */
function catalog(snapshot = '9:9:') {
  const questions: string[] = []
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const answers: { held: boolean; interrupted: boolean } = { held: false, interrupted: false }
  const ask: Inquiry = async (text) => {
    questions.push(text)
    if (answers.held) await held
    if (answers.interrupted) throw new Interrupted('the connection ended')
    const row = text.includes('WITH builtin') ? ['state', null, snapshot, '1'] : ['1', snapshot]
    return { rows: [row], code: undefined }
  }
  return { ask, answers, questions, release: () => release() }
}

const known = (): KnownReach => new KnownReach(writing, () => undefined)
const here = told('9:9:')

it('is asked for once by all who need it at the same time', async () => {
  const reach = known()
  const { ask, answers, questions, release } = catalog()
  answers.held = true
  const moment = performance.now()
  const all = Array.from({ length: 10 }, () => reach.knowSince(moment, ask, here))
  release()
  expect(new Set(await Promise.all(all))).toEqual(new Set([true]))
  expect(questions).toHaveLength(1)
})

it('is asked for by each whose moment came after the look of the others had begun', async () => {
  const reach = known()
  const { ask, answers, questions, release } = catalog()
  answers.held = true
  const early = reach.knowSince(performance.now(), ask, here)
  const late = reach.knowSince(performance.now() + 1, catalog().ask, here)
  await late
  release()
  await early
  expect(questions).toHaveLength(1)
})

it('is asked for by each where whoever looked for all lost the connection, or never hears', async () => {
  for (const interrupted of [true, false]) {
    const reach = known()
    const first = catalog()
    first.answers.held = true
    first.answers.interrupted = interrupted
    const moment = performance.now()
    const lost = reach.knowSince(moment, first.ask, here).catch((error) => error)
    const second = catalog()
    const other = reach.knowSince(moment, second.ask, here)
    if (interrupted) first.release()
    expect(await other).toBe(true)
    expect(second.questions).toHaveLength(1)
    first.release()
    await lost
  }
})

it.each<[string, Here, number]>([
  ['nothing where not one transaction has ended since, in the same life of the server', here, 0],
  ['again where one has ended', told('9:10:'), 1],
  ['again where one that was under way has ended', told('8:9:8'), 1],
  ['again where nobody said', told(undefined), 1],
  [
    'again after a crash, which may lose what had ended',
    told('9:9:', { ...server, crash: '2.5' }),
    1,
  ],
  ['again on another timeline', told('9:9:', { ...server, timeline: '00000002' }), 1],
  ['again on a standby', told('9:9:', { ...server, timeline: null }), 1],
  ['again on another server', told('9:9:', { ...server, system: '1' }), 1],
  ['again behind a pooler', { snapshot: '9:9:', backend: undefined }, 1],
])('is asked %s', async (_what, later, times) => {
  const reach = known()
  const { ask, questions } = catalog()
  await reach.look(ask, here)
  questions.length = 0
  expect(await reach.knowSince(performance.now(), ask, later)).toBe(true)
  expect(questions).toHaveLength(times)
})

it('is asked again after a definition, whatever was ended', async () => {
  const reach = known()
  const { ask, questions } = catalog()
  await reach.look(ask, here)
  reach.change()
  questions.length = 0
  await reach.knowSince(performance.now(), ask, here)
  expect(questions).toHaveLength(1)
})

it('is not known where the server would not say this time, whatever was known before', async () => {
  const reach = known()
  await reach.look(catalog().ask, here)
  const silent: Inquiry = async () => ({ rows: [], code: '57014' })
  expect(await reach.knowSince(performance.now(), silent, told('9:10:'))).toBe(false)
})
