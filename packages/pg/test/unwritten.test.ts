import { describe, expect, it } from 'vitest'
import { Reach } from '../src/catalog/reach.ts'
import { mayWrite, wroteNothing } from '../src/recovery/proof.ts'
import { exchange } from './answers.ts'

const none: ReadonlyMap<string, boolean> = new Map()
const nothing = new Reach({ f: none, r: none, w: none, anywhere: undefined, defining: undefined })
/** Of this database the function f, and whoever writes to the relation t, can write. */
const some = new Reach({
  f: new Map([['f', false]]),
  r: none,
  w: new Map([['t', true]]),
  anywhere: undefined,
  defining: undefined,
})

describe('statements may write', () => {
  const reads = exchange('SELECT a FROM u')
  const writes = exchange('SELECT f(a) FROM u')
  it('where one of them reaches what can', () => {
    expect(mayWrite([reads, reads], some)).toBe(false)
    expect(mayWrite([reads, writes, reads], some)).toBe(true)
    expect(mayWrite([writes], nothing)).toBe(false)
    expect(mayWrite([], some)).toBe(false)
  })
  it('where the server does not say what can', () => {
    expect(mayWrite([reads], undefined)).toBe(true)
    expect(mayWrite([], undefined)).toBe(true)
  })
  it('where one of them has no text', () => {
    expect(mayWrite([reads, exchange('SELECT 1', { text: undefined })], nothing)).toBe(true)
  })
})

describe('a statement that has drawn no id has written nothing', () => {
  const wrote = async (
    text: string,
    tag: string | undefined,
    writers: Reach | undefined = nothing,
  ): Promise<{ readonly nothing: boolean; readonly asked: boolean }> => {
    let asked = false
    const found = await wroteNothing(exchange(text, { tag } as never), async () => {
      asked = true
      return writers
    })
    return { nothing: found, asked }
  }
  it.each([
    ['INSERT INTO u SELECT 1', 'INSERT 0 0'],
    ['UPDATE u SET a = 1', 'UPDATE 0'],
    ['SELECT a FROM u', 'SELECT 7'],
    ['SELECT a FROM u', undefined],
    ['CREATE TABLE IF NOT EXISTS u ()', 'CREATE TABLE'],
  ])('where its tag counts no row, or it counts none: %s, %s', async (text, tag) => {
    expect(await wrote(text, tag)).toEqual({ nothing: true, asked: true })
  })
  it.each([
    ['INSERT INTO u VALUES (1)', 'INSERT 0 1'],
    ['UPDATE u SET a = 1', 'UPDATE 10'],
    ['DELETE FROM u', undefined],
    ['EXECUTE p', 'SELECT 0'],
    ['EXECUTE p', 'INSERT 0 0'],
  ])('but not where it wrote elsewhere, or may have: %s, %s', async (text, tag) => {
    expect(await wrote(text, tag)).toEqual({ nothing: false, asked: false })
  })
  it('nor where what it reaches can write, or nobody says what can', async () => {
    expect((await wrote('SELECT f(a) FROM u', 'SELECT 1', some)).nothing).toBe(false)
    expect((await wrote('UPDATE t SET a = 1', 'UPDATE 0', some)).nothing).toBe(false)
    expect((await wrote('UPDATE u SET a = 1', 'UPDATE 0', some)).nothing).toBe(true)
    const unsaid = exchange('UPDATE u SET a = 1', { tag: 'UPDATE 0' } as never)
    expect(await wroteNothing(unsaid, async () => undefined)).toBe(false)
  })
})
