import { analyze } from '@reprise/core'
import { describe, expect, it } from 'vitest'
import { Database } from '../src/catalog/database.ts'
import type { Connection } from '../src/connection/connection.ts'
import type { Inquiry } from '../src/connection/inquiry.ts'
import { mayWrite } from '../src/recovery/proof.ts'
import { SessionInquiry } from '../src/transaction/session-inquiry.ts'
import { SessionState } from '../src/transaction/state.ts'
import { connection, exchange } from './answers.ts'
import { ScriptedCatalog, sources } from './scripted-catalog.ts'

/** A catalog in which a function of that name sets something. */
const withSetter = (name: string): Inquiry =>
  (async (text: string) => {
    const found = text.includes('WITH builtin')
      ? [
          ['f', '{20000}', 'sql', "SELECT set_config('app.who', $1, false)"],
          ['state', null, null, '1'],
        ]
      : [['f', name, 'f']]
    return { rows: found, code: undefined }
  }) as unknown as Inquiry

/** A session that asks a server. */
class Asking {
  readonly state = new SessionState()
  readonly database = new Database()
  readonly server = new ScriptedCatalog()
  readonly inquiry = new SessionInquiry(this.state, this.database)
  at: Connection = connection()

  constructor(functions: Readonly<Record<string, string>> = {}) {
    this.server.functions = { f: sources.askable, hide: sources.unnamed, ...functions }
  }

  /** The catalog was read, by somebody. */
  async read(): Promise<this> {
    await this.database.refresh(this.server.ask, this.at)
    return this
  }

  /** A statement has its answer. */
  note(text: string, values: unknown[] = [], open = false): this {
    const statement = analyze(text)
    for (const change of statement.state) this.state.apply({ change, values, row: [] })
    this.inquiry.note({ statement, text, values }, open, this.at)
    return this
  }

  get due(): boolean {
    return this.inquiry.isDue(this.at)
  }

  ask(): Promise<boolean> {
    return this.inquiry.ask(this.server.ask, this.at)
  }
}

describe('the server is asked what the session holds', () => {
  it.each([
    'SELECT f(1)',
    'SELECT 1; SELECT f(1)',
    'WITH x AS (SELECT f(1)) TABLE x',
    'SELECT hide(1)',
    'CREATE TEMP TABLE t (a int)',
    'CREATE TABLE t (a int)',
    'SET search_path TO pg_temp; CREATE TABLE t (a int)',
    'SELECT pg_advisory_lock(1)',
    "SELECT set_config(x, 'y', false) FROM t",
    'SELECT setseed(0.5)',
    "DO $$BEGIN PERFORM set_config('a.b', 'c', false); END$$",
    'DO $$BEGIN EXECUTE x; END$$',
    'VACUUM',
  ])('behind %s', async (text) => {
    const asking = await new Asking().read()
    expect(asking.note(text).due).toBe(true)
    expect(await asking.ask()).toBe(true)
    expect(asking.server.asked.at(-1)).toBe('facts')
    expect(asking.due).toBe(false)
    // Each time: nothing is learned of how it went before.
    expect(asking.note(text).due).toBe(true)
  })

  it.each([
    ...['SELECT 1', 'SELECT g(1)', 'INSERT INTO t VALUES (1)', 'SET a = 1', 'LISTEN c', ''],
    ...['BEGIN', 'COMMIT', 'PREPARE p AS SELECT f(1)', 'SHOW a'],
  ])('not behind %s', async (text) => {
    const asking = await new Asking().read()
    expect(asking.note(text).due).toBe(false)
  })

  it('not before anything ran', async () => {
    expect(new Asking().due).toBe(false)
    expect((await new Asking().read()).due).toBe(false)
  })

  it('not on a connection that is gone, or that does not tell', async () => {
    const asking = await new Asking().read()
    asking.note('SELECT f(1)')
    expect(asking.inquiry.isDue(connection({ usable: false }))).toBe(false)
    expect(asking.inquiry.isDue(connection({ tells: false }))).toBe(false)
    const pooled = await new Asking().read()
    pooled.at = connection({ tells: false })
    pooled.note('SELECT f(1)')
    pooled.at = connection()
    expect(pooled.due).toBe(false)
  })

  it('whoever has read the catalog behind what ran, or has found more in it', async () => {
    const early = new Asking()
    expect(early.note('SELECT f(1)').due).toBe(true)
    await early.read()
    expect(early.due).toBe(true)
    const late = await new Asking({ g: sources.nothing }).read()
    expect(late.note('SELECT g(1)').due).toBe(false)
    late.server.state = '2'
    late.server.functions = { ...late.server.functions, g: sources.askable }
    await late.read()
    expect(late.due).toBe(true)
    await late.ask()
    expect(late.due).toBe(false)
  })

  it('not where the catalog says that what ran before it was read reaches nothing', async () => {
    const asking = new Asking()
    asking.note('SELECT g(1)')
    await asking.ask()
    expect(asking.server.asked).not.toContain('facts')
    expect(asking.due).toBe(false)
    expect(await asking.ask()).toBe(true)
  })

  it('again where more is found in the catalog than it was asked by', async () => {
    const asking = await new Asking({ g: sources.nothing }).read()
    asking.note('SELECT f(1)').note('SELECT g(1)')
    await asking.ask()
    expect(asking.due).toBe(false)
    asking.server.state = '2'
    asking.server.functions = { ...asking.server.functions, g: sources.unnamed }
    await asking.read()
    expect(asking.due).toBe(true)
    // It was asked by all of that.
    await asking.ask()
    asking.server.state = '3'
    asking.server.functions = { ...asking.server.functions, h: sources.askable }
    await asking.read()
    expect(asking.due).toBe(false)
  })

  it('for what ran before more was found, whatever ran since', async () => {
    const asking = await new Asking({ g: sources.nothing }).read()
    asking.note('SELECT g(1)')
    asking.server.state = '2'
    asking.server.functions = { ...asking.server.functions, g: sources.askable }
    await asking.read()
    expect(asking.note('SELECT 1').due).toBe(true)
  })

  it('not for what runs after more was found', async () => {
    const asking = await new Asking({ g: sources.nothing }).read()
    asking.server.state = '2'
    asking.server.functions = { ...asking.server.functions, g: sources.askable }
    await asking.read()
    expect(asking.note('SELECT 1').due).toBe(false)
  })

  it('behind a definition only where it may undo what cannot be made again', async () => {
    const asking = await new Asking().read()
    asking.note('DROP TABLE t')
    await asking.ask()
    expect(asking.server.asked).not.toContain('facts')
    asking.note('CREATE TEMP TABLE t (a int)')
    asking.server.facts = [['temp', 't', null]]
    await asking.ask()
    expect(asking.state.anchor).toBe('a temporary table')
    expect(asking.note('DROP TABLE t').due).toBe(true)
    asking.server.facts = []
    await asking.ask()
    expect(asking.state.anchor).toBe(undefined)
  })

  it.each([
    ['CREATE FUNCTION x() RETURNS int LANGUAGE sql AS $$SELECT 1$$', true],
    ['SELECT 1; DROP TABLE t', true],
    ['DO $$BEGIN CREATE TABLE t (a int); END$$', true],
    ['DO $$BEGIN PERFORM 1; END$$', false],
    ['INSERT INTO t VALUES (1)', false],
  ])('and the catalog is looked at again behind %s: %s', async (text, again) => {
    const asking = await new Asking().read()
    expect(asking.note(text).database.isDue()).toBe(again)
  })
})

describe('what the open transaction reached', () => {
  it('is asked after when it is over', async () => {
    const asking = await new Asking().read()
    asking.note('SELECT f(1)', [], true).note('SELECT 1', [], true)
    expect(asking.due).toBe(false)
    expect(asking.note('COMMIT').due).toBe(true)
    await asking.ask()
    expect(asking.server.asked.at(-1)).toBe('facts')
  })

  it('is not asked after where it reached nothing', async () => {
    const asking = await new Asking().read()
    expect(asking.note('SELECT g(1)', [], true).note('COMMIT').due).toBe(false)
  })

  it('is lost with nothing of it, since it is executed again', async () => {
    const asking = await new Asking().read()
    asking.note('SELECT f(1)', [], true)
    expect(asking.inquiry.lost()).toBe(false)
    await asking.inquiry.judgeLost(asking.server.ask, asking.at)
    expect(asking.state.anchor).toBe(undefined)
  })

  it('is judged after a loss, where it was over and the catalog was not read', async () => {
    const asking = new Asking()
    asking.note('SELECT f(1)', [], true).note('COMMIT')
    expect(asking.inquiry.lost()).toBe(true)
    await asking.inquiry.judgeLost(asking.server.ask, asking.at)
    expect(asking.state.anchor !== undefined).toBe(true)
  })

  it('is nothing, however many statements reached nothing', async () => {
    const asking = await new Asking().read()
    for (let i = 0; i < 1500; i++) asking.note(`SELECT g(x${i})`, [], true)
    expect(asking.note('COMMIT').due).toBe(false)
  })

  it('is judged when the catalog is read, where it was over before', async () => {
    const asking = new Asking()
    asking.note('SELECT f(1)', [], true).note('COMMIT')
    await asking.ask()
    expect(asking.server.asked.at(-1)).toBe('facts')
  })

  it('is the worst where it was more than can be kept', async () => {
    const asking = await new Asking().read()
    for (let i = 0; i < 1500; i++) asking.note(`SELECT f(x${i})`, [], true)
    expect(asking.note('COMMIT').due).toBe(true)
    await asking.ask()
    expect(asking.state.anchor).toBe('a setting that a function may have made')
  })
})

describe('a setting that a function makes', () => {
  it.each([
    ['a value', 'SELECT hide($1)', ['app.x'], ['app.x']],
    ['a string in the text', "SELECT hide('app.x')", [], ['app.x']],
    ['a string in a value', 'SELECT hide($1)', ["SET app.x = 'y'"], ['app.x']],
    [
      'a definition',
      "CREATE TEMP TABLE t AS SELECT set_config('app.x', x, false) FROM hide",
      [],
      ['app.x'],
    ],
    [
      'a text of PostgreSQL’s own functions',
      "SELECT set_config(n, 'x', false) FROM (VALUES ('app.x')) AS t (n)",
      [],
      ['app.x'],
    ],
    ['capitals', 'SELECT hide($1)', ['App.X'], ['app.x']],
    ['the catalog', 'SELECT f(1)', [], ['app.who']],
    ['no value that is no text', 'SELECT hide($1)', [1], []],
    ['no value that is no name', 'SELECT hide($1)', ['a sentence. or two'], []],
  ])('is asked after by the name that is in %s', async (_what, text, values, names) => {
    const asking = await new Asking(
      (names as readonly string[]).includes('app.who') ? {} : { f: sources.nothing },
    ).read()
    asking.note(text, values)
    await asking.ask()
    expect([...asking.server.names].sort()).toEqual(names)
  })

  it('is asked after by the name that was given before the catalog was read', async () => {
    const asking = new Asking({ f: sources.nothing })
    asking.note('SELECT hide($1)', ['app.a']).note('SELECT hide($1)', ['app.b'])
    asking.note("SELECT hide('app.c')").note("SELECT hide('app.d')")
    asking.note('SELECT hide($1)', [1, null, { a: 1 }, 'no name'])
    await asking.ask()
    expect([...asking.server.names].sort()).toEqual(['app.a', 'app.b', 'app.c', 'app.d'])
  })

  it('is not asked after by the names that an earlier one was given', async () => {
    const asking = await new Asking({ f: sources.nothing }).read()
    asking.note('SELECT hide($1)', ['app.x'])
    asking.server.facts = [['custom', 'app.x', null]]
    await asking.ask()
    asking.note('SELECT hide($1)', ['app.y'])
    await asking.ask()
    expect(asking.server.names).toEqual(['app.y'])
  })

  it('is hidden where one function was given more names than can be kept', async () => {
    const asking = new Asking({ f: sources.nothing })
    for (let i = 0; i < 1500; i++) asking.note('SELECT g($1)', [`app.x${i}`])
    await asking.ask()
    expect(asking.state.anchor).toBe('a setting that a function may have made')
  })

  it.each([
    ['app.x', undefined],
    ['app.y', 'a setting that a function may have made'],
  ])(
    'is hidden where none of the names that the function was given is one: %s',
    async (name, anchor) => {
      const asking = await new Asking().read()
      asking.note('SELECT hide($1)', ['app.x'])
      asking.server.facts = [['custom', name, 'v']]
      await asking.ask()
      expect(asking.state.anchor).toBe(anchor)
    },
  )

  it('is hidden from all that only one of two functions shows', async () => {
    const asking = await new Asking().read()
    asking.note('SELECT hide($1)', ['app.x']).note('SELECT hide($1), 2', ['app.y'])
    asking.server.facts = [['custom', 'app.x', 'v']]
    await asking.ask()
    expect(asking.state.anchor).toBe('a setting that a function may have made')
  })

  it('is learned', async () => {
    const asking = await new Asking().read()
    asking.note('SELECT f(1)')
    asking.server.facts = [['custom', 'app.who', 'v']]
    await asking.ask()
    expect([...asking.state.names()]).toEqual(['app.who'])
  })
})

describe('a server that does not say', () => {
  it.each([
    ['another backend has answered', { pid: '2' }, false, false],
    ['it has no such thing', { refuses: { facts: '42883' } }, false, false],
    ['it has no such thing, in other words', { refuses: { facts: '0A000' } }, false, false],
    ['it could not this time', { refuses: { facts: '57014' } }, true, true],
  ])('%s: it is believed no more, or asked again', async (_what, how, tells, due) => {
    const asking = await new Asking().read()
    asking.note('SELECT f(1)')
    Object.assign(asking.server, how)
    asking.server.facts = [['custom', 'app.who', 'v']]
    expect(await asking.ask()).toBe(tells)
    expect(asking.due).toBe(due)
    expect([...asking.state.names()]).toEqual([])
  })
})

describe('a server that answers nothing', () => {
  it.each([{}, { facts: '42883' }])(
    'is not believed, though it has no ids: %o',
    async (refuses) => {
      const asking = await new Asking().read()
      asking.at = connection({ client: { processID: 0 } as never })
      asking.server.refuses = refuses
      asking.note('SELECT f(1)')
      const nothing: Inquiry = async (text, values) => {
        const { rows, code } = await asking.server.ask(text, values)
        return { rows: asking.server.asked.at(-1) === 'facts' ? [] : rows, code }
      }
      expect(await asking.inquiry.ask(nothing, asking.at)).toBe(false)
    },
  )
})

it.each([true, false])('what nobody can read may have left something: %s', async (read) => {
  const asking = new Asking()
  if (read) await asking.read()
  const statement = analyze('EXECUTE p')
  asking.inquiry.note({ statement, text: undefined, values: undefined }, false, asking.at)
  await asking.ask()
  expect(asking.server.asked.at(-1)).toBe('facts')
  expect(asking.state.anchor).toBe('a setting that a function may have made')
})

describe('what a prepared statement hides', () => {
  it.each([
    ['PREPARE p AS SELECT 1', 'EXECUTE p', false],
    ['PREPARE p AS SELECT 1', '  execute P ', false],
    ['prepare p as\nSELECT f(1)', 'EXECUTE p', true],
    ['PREPARE  pp  AS  SELECT 1', 'EXECUTE  pp', false],
    ['PREPARE p (int, text) AS SELECT 1', 'EXECUTE p(1)', false],
    ['PREPARE p (int) AS SELECT f($1)', 'EXECUTE p(1)', true],
    ['PREPARE p(int)AS SELECT 1', 'EXECUTE p(1)', false],
    ['PREPARE p AS SELECT 1', 'EXECUTE q', true],
    ['PREPARE p AS SELECT 1', 'EXECUTE "p"', true],
    ['PREPARE p AS SELECT 1', 'EXECUTE p; EXECUTE p', true],
    ['PREPARE q AS SELECT 1', '/* execute q */ EXECUTE p', true],
    ['PREPARE p AS SELECT 1', 'EXPLAIN ANALYZE EXECUTE p', true],
  ])('is what its text does, where it is known: %s, %s', async (prepared, text, due) => {
    const asking = await new Asking().read()
    expect(asking.note(prepared).note(text).due).toBe(due)
  })
})

describe('what ran on a connection that is lost', () => {
  it.each([
    ['reached something', 'SELECT f(1)', true],
    ['reached nothing', 'SELECT g(1)', false],
  ])('and %s', async (_what, text, unseen) => {
    for (const before of [true, false]) {
      const asking = new Asking()
      if (before) await asking.read()
      asking.note(text)
      expect(asking.inquiry.lost()).toBe(unseen || !before)
      await asking.inquiry.judgeLost(asking.server.ask, asking.at)
      expect(asking.state.anchor !== undefined).toBe(unseen)
    }
  })

  it.each([
    ['says that it reaches something now', { functions: { g: sources.askable } }, true],
    ['says that it reaches nothing still', { functions: { g: sources.nothing } }, false],
    ['cannot be read', { refuses: { catalog: '55P03' } }, true],
  ])('is judged by the catalog as it is then, which %s', async (_what, how, unseen) => {
    const asking = await new Asking({ g: sources.nothing }).read()
    asking.note('SELECT g(1)')
    asking.inquiry.lost()
    asking.server.state = '2'
    Object.assign(asking.server, how)
    asking.database.change()
    await asking.inquiry.judgeLost(asking.server.ask, asking.at)
    expect(asking.state.anchor !== undefined).toBe(unseen)
  })

  it('is nothing where all of it was asked after', async () => {
    const asking = await new Asking().read()
    asking.note('SELECT f(1)')
    await asking.ask()
    expect(asking.inquiry.lost()).toBe(false)
    await asking.inquiry.judgeLost(asking.server.ask, asking.at)
    expect(asking.state.anchor).toBe(undefined)
  })

  it('is told once', async () => {
    const asking = await new Asking().read()
    asking.note('SELECT f(1)')
    expect([asking.inquiry.lost(), asking.inquiry.lost()]).toEqual([true, false])
    await asking.inquiry.judgeLost(asking.server.ask, asking.at)
    const { length } = asking.server.asked
    await asking.inquiry.judgeLost(asking.server.ask, asking.at)
    expect(asking.server.asked.length).toBe(length)
    const unread = new Asking().note('SELECT f(1)')
    expect(unread.inquiry.lost()).toBe(true)
    await unread.inquiry.judgeLost(unread.server.ask, unread.at)
    expect(unread.inquiry.lost()).toBe(false)
  })
})

it.each([
  ['as many as are kept', 500, 'f1', true],
  ['none of which reaches anything', 500, 'other', false],
  ['more than can be kept, whatever they are', 1500, 'other', true],
])(
  'statements that ran before the catalog was read are judged after a loss: %s',
  async (_how, count, name, unseen) => {
    const state = new SessionState()
    const inquiry = new SessionInquiry(state, new Database())
    for (let i = 0; i < count; i++) {
      const text = `SELECT f${i}()`
      inquiry.note({ statement: analyze(text), text, values: [] }, false, connection())
    }
    inquiry.lost()
    await inquiry.judgeLost(withSetter(name), connection())
    expect(state.anchor !== undefined).toBe(unseen)
  },
)

it('a statement whose text nobody has may write', async () => {
  const unread = Object.assign(exchange('SELECT 1'), { text: undefined })
  const writers = await new Database().writers(0, withSetter('f'), connection())
  expect(mayWrite([unread], writers)).toBe(true)
  expect(mayWrite([exchange('SELECT 1')], writers)).toBe(false)
  expect(mayWrite([exchange('SELECT 1')], undefined)).toBe(true)
})
