import { describe, expect, it } from 'vitest'
import type { SessionFacts } from '../src/transaction/session-facts.ts'
import { StateNotRestored } from '../src/transaction/state.ts'
import { type Answer, Books } from './books.ts'

type Message = readonly [text: string, answer?: Answer]

function after(...messages: (Message | string)[]): Books {
  const books = new Books()
  for (const message of messages) {
    if (typeof message === 'string') books.run(message)
    else books.run(...message)
  }
  return books
}

interface Found {
  readonly settings?: Record<string, string | null>
  readonly prepared?: Record<string, string>
  readonly channels?: readonly string[]
  readonly anchors?: Record<string, string>
}

/** What the server says that the session holds. */
function facts({ settings = {}, prepared = {}, channels = [], anchors = {} }: Found): SessionFacts {
  return {
    pid: 1,
    settings: new Map(Object.entries(settings)),
    prepared: new Map(Object.entries(prepared)),
    channels: new Set(channels),
    anchors: new Map(Object.entries(anchors)),
  }
}

const lock = 'a session advisory lock'
const unseen = 'a setting whose value was not seen'

describe('a session is made again', () => {
  it.each<[string, (Message | string)[], string[]]>([
    ['by nothing where nothing was made', ['SELECT 1'], []],
    [
      'in one message, in order',
      ['SET a = 1', 'LISTEN c', 'SET ROLE r'],
      ['SET a = 1;\nLISTEN c;\nSET ROLE r'],
    ],
    [
      'in a transaction where it takes several',
      ["SET client_encoding = 'LATIN1'", 'SET a = 1'],
      ["BEGIN;\nSET client_encoding = 'LATIN1'", 'SET a = 1;\nCOMMIT'],
    ],
    ['but for what was undone', ['SET a = 1', 'SET b = 1', 'RESET a'], ['SET b = 1']],
    [
      'but for all of it behind DISCARD ALL',
      ['SET a = 1', 'LISTEN c', ['DISCARD ALL', { tags: 'DISCARD ALL' }]],
      [],
    ],
    [
      'but for the channels behind UNLISTEN *',
      ['LISTEN c', 'LISTEN d', 'SET a = 1', 'UNLISTEN *'],
      ['SET a = 1'],
    ],
    [
      'but for the statements behind DEALLOCATE ALL',
      ['PREPARE p AS SELECT 1', 'DEALLOCATE ALL'],
      [],
    ],
    [
      'by the value that set_config answered',
      [["SELECT set_config('app.a', concat('x', now()), false)", { row: ["x'y\\"] }]],
      ["SELECT pg_catalog.set_config(E'app.a', E'x''y\\\\', false)"],
    ],
    [
      'by the name that came as a parameter, in whatever case',
      [['SELECT 1, set_config($1, $2, $3)', { values: ['App.A', 'x', 'false'], row: ['1', 'x'] }]],
      ["SELECT pg_catalog.set_config(E'App.A', E'x', false)"],
    ],
    [
      'by nothing where set_config was local by parameter',
      [['SELECT set_config($1, $2, $3)', { values: ['app.a', 'x', 't'], row: ['x'] }]],
      [],
    ],
    [
      'once for one setting, however its name was written',
      [
        ['SELECT set_config($1, $2, false)', { values: ['App.A', 'x'], row: ['x'] }],
        ['SELECT set_config($1, $2, false)', { values: ['app.a', 'y'], row: ['y'] }],
        ["SELECT set_config('APP.A', 'z', false)", { row: ['z'] }],
      ],
      ["SELECT pg_catalog.set_config(E'app.a', E'z', false)"],
    ],
    [
      'by a reset where set_config set NULL',
      [["SELECT set_config('app.a', NULL, false)", { row: [null] }]],
      ["SELECT pg_catalog.set_config(E'app.a', NULL, false)"],
    ],
    [
      'with its role and its user, however they were set',
      [
        ['SELECT set_config($1, $2, false)', { values: ['ROLE', 'r'], row: ['r'] }],
        'SET ROLE s',
        [
          'SELECT set_config($1, $2, false)',
          { values: ['session_authorization', 'u'], row: ['u'] },
        ],
        'SET SESSION AUTHORIZATION v',
      ],
      ['SET ROLE s;\nSET SESSION AUTHORIZATION v'],
    ],
  ])('%s', async (_name, messages, made) => {
    const books = after(...messages)
    expect(await books.restored()).toEqual(made)
    expect(books.state.anchor).toBe(undefined)
  })
  it('or not at all: what the server refuses ends it, and names the code', async () => {
    const books = after("SET client_encoding = 'LATIN1'", 'SET a = 1')
    const asked: string[] = []
    const refused = books.state.restore(async (text) => {
      asked.push(text)
      return { rows: [], code: '42704' }
    })
    await expect(refused).rejects.toThrow(StateNotRestored)
    await expect(refused).rejects.toThrow('42704')
    expect(asked).toHaveLength(1)
  })
  it('twice alike', async () => {
    const books = after("SET client_encoding = 'LATIN1'", 'SET a = 1')
    expect(await books.restored()).toEqual(await books.restored())
  })
})

describe('what is told of it', () => {
  it('each change makes another version', () => {
    const books = after('SET a = 1')
    const { version } = books.state
    books.run('SELECT 1')
    expect(books.state.version).toBe(version)
    books.run('SET a = 1')
    expect(books.state.version).toBeGreaterThan(version)
    const before = books.state.version
    books.state.forget('something')
    expect(books.state.version).toBeGreaterThan(before)
  })
  it('whether it listens', () => {
    const books = after('SET a = 1')
    expect(books.state.listening).toBe(false)
    books.run('LISTEN c')
    expect(books.state.listening).toBe(true)
    books.run('UNLISTEN c')
    expect(books.state.listening).toBe(false)
  })
  it('the names of its settings, also of those whose value was not seen', () => {
    const books = after('SET a = 1', 'SET ROLE r', 'LISTEN c', [
      'SELECT set_config($1, $2, false)',
      { values: ['App.B', 'x'] },
    ])
    expect([...books.state.names()]).toEqual(['a', 'app.b'])
    expect(books.state.size).toBe(3)
  })
  it('the text of a prepared statement, unless it was prepared under what is gone', () => {
    const books = after('PREPARE p AS SELECT 1')
    expect(books.state.prepared('p')).toBe('PREPARE p AS SELECT 1')
    expect(books.state.prepared('q')).toBe(undefined)
    books.run('BEGIN', { after: 'T' })
    books.run('SET a = 1')
    books.run('PREPARE q AS SELECT 1')
    books.run('ROLLBACK', { after: 'I' })
    expect(books.state.prepared('q')).toBe(undefined)
  })
})

describe('an anchor', () => {
  it.each<[string, (Message | string)[], string]>([
    ['is a lock', ['SELECT pg_advisory_lock(1)'], lock],
    ['is a temporary table', ['CREATE TEMP TABLE t (a int)'], 'a temporary table'],
    [
      'is a value that set_config answered out of sight',
      [['SELECT set_config($1, $2, false)', { values: ['a', 'b'] }]],
      unseen,
    ],
    [
      'is a name that is not there',
      [['SELECT set_config($1, $2, false)', { values: [], row: ['x'] }]],
      unseen,
    ],
    [
      'is a lock taken twice and let go of once',
      ['SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)'],
      lock,
    ],
    [
      'is a lock of another number than was let go of',
      [
        ['SELECT pg_advisory_lock($1)', { values: [1n] }],
        ['SELECT pg_advisory_unlock($1)', { values: [2] }],
      ],
      lock,
    ],
  ])('%s', (_name, messages, what) => {
    expect(after(...messages).state.anchor).toBe(what)
  })
  it.each<[string, (Message | string)[]]>([
    ['let go of', ['SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)']],
    [
      'let go of by the same parameter',
      [
        ['SELECT pg_advisory_lock($1)', { values: [1] }],
        ['SELECT pg_advisory_unlock($1)', { values: ['1'] }],
      ],
    ],
    [
      'let go of with all others',
      [
        'SELECT pg_advisory_lock(1)',
        'SELECT pg_advisory_lock(2)',
        'SELECT pg_advisory_unlock_all()',
      ],
    ],
    ['closed', ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'CLOSE c']],
    ['discarded', ['CREATE TEMP TABLE t (a int)', ['DISCARD TEMP', { tags: 'DISCARD TEMP' }]]],
    [
      'discarded with all',
      [
        'CREATE TEMP TABLE t (a int)',
        'SELECT pg_advisory_lock(1)',
        ['DISCARD ALL', { tags: 'DISCARD ALL' }],
      ],
    ],
    [
      'of a setting that was reset',
      [['SELECT set_config($1, $2, false)', { values: ['a', 'b'] }], 'RESET ALL'],
    ],
  ])('is gone once it is %s', (_name, messages) => {
    expect(after(...messages).state.anchor).toBe(undefined)
  })
  it('of another kind stays', () => {
    const books = after('CREATE TEMP TABLE t (a int)', 'SELECT pg_advisory_unlock_all()')
    expect(books.state.anchor).toBe('a temporary table')
  })
  it('is a lock of two numbers that others would spell alike', () => {
    const books = after(['SELECT pg_advisory_lock($1, $2)', { values: [1, 23] }])
    books.run('SELECT pg_advisory_unlock($1, $2)', { values: [12, 3] })
    expect(books.state.anchor).toBe(lock)
    books.run('SELECT pg_advisory_unlock($1, $2)', { values: [1, 23] })
    expect(books.state.anchor).toBe(undefined)
  })
  it('is let go of without parameters as well as with none', () => {
    const books = after(
      ['SELECT pg_advisory_lock(1)', { values: [] }],
      'SELECT pg_advisory_unlock(1)',
    )
    expect(books.state.anchor).toBe(undefined)
  })
  it('is a name that nobody gave', () => {
    const books = after(['SELECT set_config($1, $2, $3)', { row: ['x'] }])
    expect(books.state.anchor).toBe(unseen)
  })
  it('is gone with its connection', () => {
    const books = after('SELECT pg_advisory_lock(1)', 'CREATE TEMP TABLE t (a int)')
    books.state.forget('anything')
    books.state.loseAnchors()
    expect(books.state.anchor).toBe(undefined)
  })
  it('of a setting alone can be asked after', () => {
    const locked = after('SELECT pg_advisory_lock(1)')
    expect(locked.state.unsure).toBe(false)
    expect([...locked.state.names()]).toEqual([])
    const hidden: Message = [
      "INSERT INTO t SELECT set_config('app.a', $1, false)",
      { values: ['x'] },
    ]
    expect(after(hidden).state.unsure).toBe(true)
    expect([...after(hidden).state.names()]).toEqual(['app.a'])
    const seen: Message = ['SELECT set_config($1, $2, false)', { values: ['a', 'b'] }]
    expect(after(seen).state.unsure).toBe(true)
  })
})

describe('what the server says takes the place of what texts let guess', () => {
  it.each<[string, (Message | string)[], Found, boolean | undefined, string[]]>([
    ['nothing new', ['SELECT 1'], {}, false, []],
    [
      'a setting made out of sight',
      [],
      { settings: { 'set:a': 'x' } },
      true,
      ["SELECT pg_catalog.set_config(E'a', E'x', false)"],
    ],
    [
      'a role taken out of sight',
      [],
      { settings: { role: 'r' } },
      true,
      ["SELECT pg_catalog.set_config(E'role', E'r', false)"],
    ],
    [
      'a user become out of sight',
      [],
      { settings: { authorization: 'u' } },
      true,
      ["SELECT pg_catalog.set_config(E'session_authorization', E'u', false)"],
    ],
    ['none where there was none', [], { settings: { 'set:a': null, role: null } }, false, []],
    [
      'what a local setting left behind',
      [],
      { settings: { 'set:app.a': '' } },
      false,
      ["SELECT pg_catalog.set_config(E'app.a', E'', false)"],
    ],
    [
      'the value of a setting that a text made',
      ['SET a = 1'],
      { settings: { 'set:a': '1kB' } },
      undefined,
      ["SELECT pg_catalog.set_config(E'a', E'1kB', false)"],
    ],
    ['that a text made none', ['SET a = 1'], { settings: { 'set:a': null } }, undefined, []],
    ['a channel heard out of sight', [], { channels: ['C"d'] }, true, ['LISTEN "C""d"']],
    [
      'a channel that is not heard any more',
      ['LISTEN c', 'LISTEN d'],
      { channels: ['d'] },
      true,
      ['LISTEN d'],
    ],
    ['the channels that texts showed', ['LISTEN c'], { channels: ['c'] }, false, ['LISTEN c']],
    [
      'a statement prepared out of sight',
      [],
      { prepared: { p: 'PREPARE p AS SELECT 1' } },
      true,
      ['PREPARE p AS SELECT 1'],
    ],
    ['a statement let go of out of sight', ['PREPARE p AS SELECT 1'], {}, true, []],
    [
      'the statements that texts showed',
      ['PREPARE p AS SELECT 1'],
      { prepared: { p: 'PREPARE p AS SELECT 1;' } },
      false,
      ['PREPARE p AS SELECT 1'],
    ],
  ])('%s', async (_name, messages, found, seen, made) => {
    const books = after(...messages)
    expect(books.state.learn(facts(found))).toBe(seen)
    expect(await books.restored()).toEqual(made)
  })
  it('is known the next time', () => {
    const books = after('SET a = 1')
    const found = facts({ settings: { 'set:a': '1', role: 'r' } })
    expect(books.state.learn(found)).toBe(true)
    expect(books.state.learn(found)).toBe(false)
    expect(books.state.learn(facts({ settings: { 'set:a': '2', role: 'r' } }))).toBe(true)
    expect(books.state.learn(facts({ settings: { 'set:a': null, role: null } }))).toBe(true)
  })
  it('is not compared with what set_config answered, but for placeholders, which are shown as they are', () => {
    const plain: Message = ["SELECT set_config('work_mem', '1024kB', false)", { row: ['1024kB'] }]
    expect(after(plain).state.learn(facts({ settings: { 'set:work_mem': '1024' } }))).toBe(
      undefined,
    )
    const placeholder: Message = ["SELECT set_config('app.a', 'x', false)", { row: ['x'] }]
    expect(after(placeholder).state.learn(facts({ settings: { 'set:app.a': 'x' } }))).toBe(false)
    expect(after(placeholder).state.learn(facts({ settings: { 'set:app.a': 'y' } }))).toBe(true)
    const reset: Message = ["SELECT set_config('app.a', NULL, false)", { row: [null] }]
    expect(after(placeholder, reset).state.learn(facts({ settings: { 'set:app.a': null } }))).toBe(
      false,
    )
  })
  it('a value that became empty out of sight', () => {
    const books = after(["SELECT set_config('app.a', 'x', false)", { row: ['x'] }])
    books.state.learn(facts({ settings: { 'set:app.a': 'x' } }))
    expect(books.state.learn(facts({ settings: { 'set:app.a': '' } }))).toBe(true)
  })
  it('a role that RESET ALL leaves as it was', () => {
    const books = after(['SELECT set_config($1, $2, false)', { values: ['role', 'r'], row: ['r'] }])
    const found = facts({ settings: { role: 'r' } })
    books.state.learn(found)
    books.run('RESET ALL')
    expect(books.state.learn(found)).toBe(undefined)
  })
  it('after a text let go of all settings at once: they were none before', () => {
    const books = after(["SELECT set_config('app.a', 'x', false)", { row: ['x'] }], 'RESET ALL')
    books.state.learn(facts({}))
    expect(books.state.learn(facts({ settings: { 'set:app.a': 'x' } }))).toBe(true)
  })
  it('a setting that a text dropped was none before', () => {
    const books = after(["SELECT set_config('app.a', 'x', false)", { row: ['x'] }], 'RESET app.a')
    books.state.learn(facts({}))
    expect(books.state.learn(facts({ settings: { 'set:app.a': 'x' } }))).toBe(true)
  })
  it.each<[string, (Message | string)[], Found, boolean | undefined, string | undefined]>([
    [
      'a lock that a text shows, and is',
      ['SELECT pg_advisory_lock(1)'],
      { anchors: { 'advisory:0:1': lock } },
      undefined,
      lock,
    ],
    [
      'a lock that a text shows, and is not',
      ['SELECT pg_try_advisory_lock(1)'],
      {},
      undefined,
      undefined,
    ],
    ['a lock out of sight', [], { anchors: { 'advisory:0:1': lock } }, true, lock],
    [
      'a temporary table out of sight, beside a lock',
      ['SELECT pg_advisory_lock(1)'],
      { anchors: { 'advisory:0:1': lock, 'temp:t': 'a temporary table' } },
      true,
      lock,
    ],
    [
      'a cursor that is gone',
      ['DECLARE c CURSOR WITH HOLD FOR SELECT 1'],
      {},
      undefined,
      undefined,
    ],
    ['a temporary table that is gone', ['CREATE TEMP TABLE t (a int)'], {}, undefined, undefined],
    ['what it cannot be asked about', ["LOAD 'x'"], {}, false, 'a loaded library'],
    [
      'a role that texts took, beside nothing',
      ['SET ROLE r'],
      { settings: { role: 'r' } },
      undefined,
      undefined,
    ],
    [
      'a user that texts became',
      ['SET SESSION AUTHORIZATION u'],
      { settings: { authorization: 'u' } },
      undefined,
      undefined,
    ],
    [
      'a value that was not seen',
      [['SELECT set_config($1, $2, false)', { values: ['app.a', 'b'] }]],
      { settings: { 'set:app.a': 'b' } },
      undefined,
      undefined,
    ],
    [
      'a value that was not seen, and is nowhere to be seen',
      [['SELECT set_config($1, $2, false)', { values: ['app.a', 'b'] }]],
      {},
      undefined,
      unseen,
    ],
  ])('%s', (_name, messages, found, seen, anchor) => {
    const books = after(...messages)
    expect(books.state.learn(facts(found))).toBe(seen)
    expect(books.state.anchor).toBe(anchor)
    expect(books.state.unsure).toBe(false)
  })
  it('a lock that was known and is still there', () => {
    const books = after('SELECT pg_advisory_lock(1)')
    const found = facts({ anchors: { 'advisory:0:1': lock } })
    books.state.learn(found)
    expect(books.state.learn(found)).toBe(false)
  })
  it('a value that is nowhere to be seen stays unknown until all settings are reset', () => {
    const books = after(['SELECT set_config($1, $2, false)', { values: ['app.a', 'b'] }])
    books.state.learn(facts({}))
    expect(books.state.anchor).toBe(unseen)
    books.run('RESET ALL')
    expect(books.state.anchor).toBe(undefined)
  })
  it('a lock that was known and is gone without a text', () => {
    const books = after('SELECT pg_advisory_lock(1)')
    books.state.learn(facts({ anchors: { 'advisory:0:1': lock } }))
    expect(books.state.learn(facts({}))).toBe(true)
    expect(books.state.anchor).toBe(undefined)
  })
})
