import { analyze, type TransactionStatus } from '@reprise/core'
import { describe, expect, it } from 'vitest'
import { endsTransaction, opensTape, tagsOf } from '../src/transaction/pending.ts'
import { type Answer, Books } from './books.ts'

type Message = readonly [text: string, answer?: Answer]

async function after(messages: readonly Message[]): Promise<{ made: string[]; books: Books }> {
  const books = new Books()
  for (const [text, answer] of messages) books.run(text, answer)
  return { made: await books.restored(), books }
}

const begin: Message = ['BEGIN', { after: 'T' }]
const commit: Message = ['COMMIT', { after: 'I' }]
const rollback: Message = ['ROLLBACK', { after: 'I' }]

describe('what a statement changed in its session', () => {
  it.each<[string, Message[], string[]]>([
    ['stays at once outside a transaction', [['SET a = 1']], ['SET a = 1']],
    ['does not when it failed', [['SET a = 1', { tags: '', failed: true }]], []],
    ['stays with the COMMIT of its transaction', [begin, ['SET a = 1'], commit], ['SET a = 1']],
    ['goes with its ROLLBACK', [begin, ['SET a = 1'], rollback], []],
    [
      'goes where COMMIT is answered by ROLLBACK',
      [begin, ['SET a = 1'], ['COMMIT', { tags: 'ROLLBACK', after: 'I' }]],
      [],
    ],
    [
      'stays with PREPARE TRANSACTION',
      [
        begin,
        ['SET a = 1'],
        ["PREPARE TRANSACTION 'x'", { tags: 'PREPARE TRANSACTION', after: 'I' }],
      ],
      ['SET a = 1'],
    ],
    [
      'stays with COMMIT AND CHAIN, and what is set behind it does not',
      [begin, ['SET a = 1'], ['COMMIT AND CHAIN', { after: 'T' }], ['SET a = 2'], rollback],
      ['SET a = 1'],
    ],
    [
      'goes with ROLLBACK AND CHAIN, and what is set behind it stays',
      [begin, ['SET a = 1'], ['ROLLBACK AND CHAIN', { after: 'T' }], ['SET b = 2'], commit],
      ['SET b = 2'],
    ],
    ['waits while the transaction is open', [begin, ['SET a = 1']], []],
    [
      'is followed through several statements in one message',
      [['BEGIN; SET a = 1; COMMIT; SET b = 2']],
      ['SET a = 1;\nSET b = 2'],
    ],
    [
      'a COMMIT in their midst keeps what came before it although the rest failed',
      [['SET a = 1; COMMIT; SET b = 2; SELECT 1/0', { tags: 'SET;COMMIT;SET', failed: true }]],
      ['SET a = 1'],
    ],
    [
      'a ROLLBACK in their midst undoes what came before it, and only that',
      [['BEGIN; SET a = 1; ROLLBACK; SET b = 2']],
      ['SET b = 2'],
    ],
    [
      'a PREPARE TRANSACTION in their midst keeps what came before it although the rest failed',
      [
        [
          "BEGIN; SET a = 1; PREPARE TRANSACTION 'x'; SET b = 2; SELECT 1/0",
          { tags: 'BEGIN;SET;PREPARE TRANSACTION;SET', failed: true },
        ],
      ],
      ['SET a = 1'],
    ],
    [
      'a ROLLBACK that no text shows undoes it',
      [begin, ['SET a = 1'], ['SELECT 1', { tags: 'SELECT;ROLLBACK' }], ['SET b = 1'], commit],
      ['SET b = 1'],
    ],
    [
      'what stands behind the last tag did not happen',
      [begin, ['SET a = 1; SET b = 2', { tags: 'SET' }], commit],
      ['SET a = 1'],
    ],
  ])('%s', async (_name, messages, made) => {
    expect((await after(messages)).made).toEqual(made)
  })
})

describe('savepoints', () => {
  const set: Message = ['SET a = 1']
  const other: Message = ['SET b = 1']
  const savepoint: Message = ['SAVEPOINT s']
  const release: Message = ['RELEASE s']
  const back: Message = ['ROLLBACK TO s', { tags: 'ROLLBACK' }]
  it.each<[string, Message[], string[]]>([
    ['what came behind one goes with ROLLBACK TO', [set, savepoint, other, back], ['SET a = 1']],
    ['but what comes after that stays', [savepoint, set, back, other], ['SET b = 1']],
    ['RELEASE keeps it', [set, savepoint, other, release], ['SET a = 1;\nSET b = 1']],
    [
      'RELEASE keeps nothing of what was undone',
      [savepoint, set, back, release, other],
      ['SET b = 1'],
    ],
    ['one can be gone back to twice', [savepoint, set, back, set, back, other], ['SET b = 1']],
    ['the last one of a name is meant', [savepoint, set, savepoint, other, back], ['SET a = 1']],
    [
      'behind its RELEASE the one before it is meant',
      [savepoint, set, savepoint, other, release, back],
      [],
    ],
    [
      'going back to one undoes what came before those behind it, too',
      [savepoint, set, ['SAVEPOINT t'], other, back],
      [],
    ],
    [
      'going back to one takes those behind it with it',
      [savepoint, ['SAVEPOINT t'], set, back, other],
      ['SET b = 1'],
    ],
    [
      'one in the midst of a message counts as well',
      [['SET a = 1; SAVEPOINT s; SET b = 1'], back],
      ['SET a = 1'],
    ],
    [
      'ROLLBACK TO in the midst of a message is no ROLLBACK',
      [
        [
          'SET a = 1; SAVEPOINT s; SET b = 1; ROLLBACK TO s; SET c = 1',
          { tags: 'SET;SAVEPOINT;SET;ROLLBACK;SET' },
        ],
      ],
      ['SET a = 1;\nSET c = 1'],
    ],
  ])('%s', async (_name, messages, made) => {
    const { books, made: seen } = await after([begin, ...messages, commit])
    expect(seen).toEqual(made)
    expect(books.state.anchor).toBe(undefined)
  })
  it('that nobody saw leave unknown what is set', async () => {
    const unknown = 'a setting made behind an unknown savepoint'
    expect((await after([begin, set, back])).books.state.anchor).toBe(unknown)
    const beside = await after([begin, ['SAVEPOINT t'], set, back])
    expect(beside.books.state.anchor).toBe(unknown)
  })
  it('that nobody saw leave nothing unknown where nothing was set', async () => {
    const { books } = await after([begin, back, commit])
    expect(books.state.anchor).toBe(undefined)
  })
  it('alone are something to lose', () => {
    const books = new Books()
    expect(books.pending.empty).toBe(true)
    books.run(...begin)
    expect(books.pending.empty).toBe(true)
    books.run(...savepoint)
    expect(books.pending.empty).toBe(false)
  })
})

it('the row of a message with several statements shows no value: it may be of any of them', async () => {
  const { books } = await after([["SELECT 1; SELECT set_config('a', 'x', false)", { row: ['1'] }]])
  expect(books.state.anchor).toBe('a setting whose value was not seen')
})

describe('what no rollback undoes', () => {
  it.each([
    ['PREPARE p AS SELECT 1', 'PREPARE p AS SELECT 1'],
    ['PREPARE p AS SELECT 1; SELECT 1/0', 'PREPARE p AS SELECT 1'],
  ])('stays: %s', async (text, made) => {
    const batch = text.includes(';')
    const messages: Message[] = batch
      ? [[text, { tags: 'PREPARE', failed: true }]]
      : [begin, [text], rollback]
    expect((await after(messages)).made).toEqual([made])
  })
  it.each([
    ['SELECT pg_advisory_lock(1)', 'a session advisory lock'],
    ["LOAD 'x'", 'a loaded library'],
    ['SELECT setseed(0.5)', 'a seed of random numbers'],
  ])('stays as an anchor: %s', async (text, anchor) => {
    const { books } = await after([begin, [text], rollback])
    expect(books.state.anchor).toBe(anchor)
  })
  it('is what is let go of, as well', async () => {
    const { books, made } = await after([
      ['PREPARE p AS SELECT 1'],
      ['SELECT pg_advisory_lock(1)'],
      begin,
      ['DEALLOCATE p'],
      ['SELECT pg_advisory_unlock(1)'],
      rollback,
    ])
    expect(made).toEqual([])
    expect(books.state.anchor).toBe(undefined)
  })
  it.each([
    ['DECLARE c CURSOR WITH HOLD FOR SELECT 1'],
    ['CREATE TEMP TABLE t (a int)'],
    ['LISTEN c'],
  ])('is not %s', async (text) => {
    const { books, made } = await after([begin, [text], rollback])
    expect(made).toEqual([])
    expect(books.state.anchor).toBe(undefined)
  })
  it('is prepared again under the settings that it was prepared under, which are gone', async () => {
    const { made } = await after([
      begin,
      ['SET a = 1'],
      ['SET search_path = x'],
      ['RESET b'],
      ['PREPARE p AS SELECT 1'],
      ['SET c = 1'],
      rollback,
    ])
    expect(made).toEqual([
      [
        'BEGIN',
        'SAVEPOINT reprise',
        'SET a = 1',
        'SET search_path = x',
        'RESET "b"',
        'PREPARE p AS SELECT 1',
        'ROLLBACK TO reprise',
        'RELEASE reprise',
        'COMMIT',
      ].join(';\n'),
    ])
  })
  it('is prepared again under what was rolled back in two steps', async () => {
    const { made } = await after([
      begin,
      ['SET a = 1'],
      ['SAVEPOINT s'],
      ['SET b = 1'],
      ['PREPARE p AS SELECT 1'],
      ['ROLLBACK TO s', { tags: 'ROLLBACK' }],
      rollback,
    ])
    expect(made[0]?.split(';\n')).toEqual([
      'BEGIN',
      'SAVEPOINT reprise',
      'SET a = 1',
      'SET b = 1',
      'PREPARE p AS SELECT 1',
      'ROLLBACK TO reprise',
      'RELEASE reprise',
      'COMMIT',
    ])
  })
  it('needs none of them to be let go of', async () => {
    const { made } = await after([
      ['PREPARE p AS SELECT 1'],
      begin,
      ['SET a = 1'],
      ['DEALLOCATE p'],
      rollback,
    ])
    expect(made).toEqual([])
  })
  it('under a value that was computed is under that value', async () => {
    const { made } = await after([
      begin,
      ["SELECT set_config('app.a', $1, false)", { values: ["it's"], row: ["it's"] }],
      ['SELECT set_config($1, $2, $3)', { values: ['app.b', 'x', 'off'], row: ['x'] }],
      ['SELECT set_config($1, $2, $3)', { values: ['app.c', 'x', true], row: ['x'] }],
      ["SELECT set_config('app.d', $1, false)", { values: ['x'] }],
      ["SELECT set_config('app.e', NULL, false)", { row: [null] }],
      ['PREPARE p AS SELECT 1'],
      rollback,
    ])
    expect(made[0]?.split(';\n')).toEqual([
      'BEGIN',
      'SAVEPOINT reprise',
      "SELECT pg_catalog.set_config(E'app.a', E'it''s', false)",
      "SELECT pg_catalog.set_config(E'app.b', E'x', false)",
      "SELECT pg_catalog.set_config(E'app.e', NULL, false)",
      'PREPARE p AS SELECT 1',
      'ROLLBACK TO reprise',
      'RELEASE reprise',
      'COMMIT',
    ])
  })
  it('is in a transaction although something else needs none', async () => {
    const { made } = await after([
      ['SET z = 1'],
      begin,
      ['SET a = 1'],
      ['PREPARE p AS SELECT 1'],
      rollback,
    ])
    expect(made[0]).toMatch(/^BEGIN;\nSET z = 1;\nSAVEPOINT reprise;/)
  })
  it('is not under what sets nothing', async () => {
    const { made } = await after([
      begin,
      ['UNLISTEN *'],
      ['SET a = 1'],
      ['PREPARE p AS SELECT 1'],
      rollback,
    ])
    expect(made[0]).toContain('SAVEPOINT reprise;\nSET a = 1;\nPREPARE')
  })
  it('under a RESET ALL is under that', async () => {
    const { made } = await after([begin, ['RESET ALL'], ['PREPARE p AS SELECT 1'], rollback])
    expect(made[0]).toContain('SAVEPOINT reprise;\nRESET ALL;\nPREPARE')
  })
})

describe('a text that the server may have read otherwise', () => {
  const unknown = 'a setting made by a text that can be read in two ways'
  it.each<[string, Message]>([
    [
      'more tags than statements, one of which sets something',
      ['SELECT 1', { tags: 'SELECT;SET' }],
    ],
    [
      'a string with a backslash, in the call that sets it',
      ["SELECT set_config('a', '\\', false)", { tags: 'SELECT', row: ['x'] }],
    ],
    ['a string with a backslash, beside a setting', ["SET a = '\\'", { tags: 'SET' }]],
    [
      'a string with a backslash, and a tag that says so',
      ["SELECT '\\'; SET a = 1", { tags: 'SELECT;SET' }],
    ],
  ])('leaves unknown what is set: %s', async (_name, message) => {
    expect((await after([message])).books.state.anchor).toBe(unknown)
    expect((await after([begin, message])).books.state.anchor).toBe(unknown)
  })
  it.each<[string, Message]>([
    [
      'more tags than statements, none of which sets anything',
      ['SELECT 1', { tags: 'SELECT;SELECT' }],
    ],
    ['a string with a backslash in a query', ["SELECT '\\'", { tags: 'SELECT' }]],
  ])('but not where nothing is: %s', async (_name, message) => {
    expect((await after([message])).books.state.anchor).toBe(undefined)
    expect((await after([begin, message, commit])).books.state.anchor).toBe(undefined)
  })
})

describe('a message', () => {
  const answered = (text: string, tag: string, before: TransactionStatus = 'I') => ({
    statement: analyze(text),
    tags: tagsOf(tag),
    before,
    after: 'T' as const,
    failed: false,
    values: undefined,
    row: undefined,
  })
  it.each([
    ['BEGIN', 'BEGIN'],
    ['START TRANSACTION', 'START TRANSACTION'],
    ['BEGIN; SELECT 1', 'BEGIN;SELECT'],
  ])('opens a tape by its first tag: %s', (text, tag) => {
    expect(opensTape(answered(text, tag))).toBe(true)
    expect(opensTape(answered(text, tag, 'T'))).toBe(false)
  })
  it.each([
    ['SELECT 1; BEGIN', 'SELECT;BEGIN'],
    ['BEGIN; COMMIT; BEGIN', 'BEGIN;COMMIT;BEGIN'],
    ['BEGIN; ROLLBACK; BEGIN', 'BEGIN;ROLLBACK;BEGIN'],
    ["BEGIN; PREPARE TRANSACTION 'x'; BEGIN", 'BEGIN;PREPARE TRANSACTION;BEGIN'],
    ['BEGIN', ''],
  ])('does not: %s', (text, tag) => {
    expect(opensTape(answered(text, tag))).toBe(false)
  })
  it.each([
    ['COMMIT', 'COMMIT', true],
    ['COMMIT AND CHAIN', 'COMMIT', true],
    ['ROLLBACK', 'ROLLBACK', true],
    ["PREPARE TRANSACTION 'x'", 'PREPARE TRANSACTION', true],
    ['COMMIT; BEGIN', 'COMMIT;BEGIN', true],
    ['ROLLBACK TO s', 'ROLLBACK', false],
    ['ROLLBACK TO s; SELECT 1', 'ROLLBACK;SELECT', true],
    ['ROLLBACK TO s; SELECT 1/0', 'ROLLBACK', true],
    ['ROLLBACK TO s', 'ROLLBACK;ROLLBACK', true],
    ['ROLLBACK TO s', 'ROLLBACK;SELECT', true],
    ['SELECT 1', 'SELECT', false],
    ['SAVEPOINT s', 'SAVEPOINT', false],
    ['', '', false],
  ])('ends a transaction: %s, tagged %s: %s', (text, tag, ends) => {
    expect(endsTransaction(answered(text, tag, 'T'))).toBe(ends)
  })
})
