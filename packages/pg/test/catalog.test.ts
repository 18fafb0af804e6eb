import diagnostics from 'node:diagnostics_channel'
import { analyze } from '@reprise/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { heedTimers } from '../../../test/kit/fake-clock.ts'
import { Database } from '../src/catalog/database.ts'
import type { Here } from '../src/catalog/known-reach.ts'
import { leaving, leftBy } from '../src/catalog/leaving.ts'
import { Reach } from '../src/catalog/reach.ts'
import { readReach } from '../src/catalog/read-reach.ts'
import type { Inquiry } from '../src/connection/inquiry.ts'
import { Unjudged } from '../src/transaction/unjudged.ts'
import { ScriptedCatalog, sources } from './scripted-catalog.ts'

/** A connection of which nothing is known. */
const nowhere: Here = { backend: undefined, snapshot: undefined }

afterEach(() => {
  vi.useRealTimers()
  heedTimers()
})

const reached = (database: Database, text: string) => database.reach?.of(analyze(text), text)

/** A database, and the server that tells of it. */
const some = (functions: Readonly<Record<string, string>> = {}) => {
  const server = new ScriptedCatalog()
  server.functions = functions
  return { server, database: new Database() }
}

/** The advice that is given while something runs. */
async function advised(run: () => Promise<unknown>): Promise<number> {
  let count = 0
  const heard = (): void => {
    count += 1
  }
  diagnostics.subscribe('reprise:advice', heard)
  await run()
  diagnostics.unsubscribe('reprise:advice', heard)
  return count
}

describe('a catalog', () => {
  it('is due until it was read, and once something was defined', async () => {
    const { server, database } = some()
    expect([database.isDue(), database.reach, database.isKnownSince(0)]).toEqual([
      true,
      undefined,
      false,
    ])
    await database.refresh(server.ask, nowhere)
    expect([database.isDue(), reached(database, 'SELECT f(1)')]).toEqual([false, 'nothing'])
    database.change()
    expect(database.isDue()).toBe(true)
    await database.refresh(server.ask, nowhere)
    expect(database.isDue()).toBe(false)
  })

  it('is read again only where the server says that it is another', async () => {
    const { server, database } = some({ f: sources.nothing })
    await database.refresh(server.ask, nowhere)
    await database.refresh(server.ask, nowhere)
    expect(server.asked).toEqual(['catalog', 'state'])
    server.state = '2'
    server.functions = { f: sources.askable }
    await database.refresh(server.ask, nowhere)
    expect(server.asked.slice(2)).toEqual(['state', 'catalog', 'reach'])
    expect(reached(database, 'SELECT f(1)')).toBe('askable')
  })

  it('is read again where the server does not say whether it is another', async () => {
    const { server, database } = some()
    await database.refresh(server.ask, nowhere)
    server.refuses = { state: '57014' }
    server.functions = { f: sources.unnamed }
    await database.refresh(server.ask, nowhere)
    expect(reached(database, 'SELECT f(1)')).toBe('unnamed')
  })

  it('tells what has a name from what has none, whatever has them', async () => {
    const { server, database } = some({
      a: sources.askable,
      U: sources.unnamed,
      n: sources.nothing,
    })
    server.reached = [
      ['r', 'view', 't'],
      ['w', 'shut', 'f'],
    ]
    await database.refresh(server.ask, nowhere)
    expect(
      ['SELECT a(1)', 'SELECT u(1)', 'TABLE VIEW', 'INSERT INTO shut VALUES (1)', 'TABLE shut'].map(
        (text) => reached(database, text),
      ),
    ).toEqual(['askable', 'unnamed', 'unnamed', 'askable', 'nothing'])
    expect([...database.settings]).toEqual(['app.who'])
  })

  it.each([
    ['r', 'TABLE odd', 'askable'],
    ['w', 'DELETE FROM odd', 'askable'],
    ['w', 'TABLE odd', 'nothing'],
  ])('tells what only relations do, without any function: %s, %s', async (kind, text, expected) => {
    const { server, database } = some()
    server.reached = [[kind, 'odd', 'f']]
    await database.refresh(server.ask, nowhere)
    expect(reached(database, text)).toBe(expected)
  })

  it.each([
    ['t', 'f'],
    ['f', 't'],
  ])('takes the worse of what has one name, in whatever order: %s, %s', async (...flags) => {
    const { server, database } = some({ f: sources.askable })
    const ask: Inquiry = async (text, values) => {
      const { rows, code } = await server.ask(text, values)
      const more = flags.map((flag, i) => ['f', i === 0 ? 'Two' : 'two', flag])
      return { rows: text.includes('WITH RECURSIVE') ? [...rows, ...more] : rows, code }
    }
    await database.refresh(ask, nowhere)
    expect(reached(database, 'SELECT two(1)')).toBe('unnamed')
  })

  it('that the server does not tell of is advised about once', async () => {
    const { server, database } = some()
    expect(await advised(() => database.refresh(server.ask, nowhere))).toBe(0)
    const silent = some()
    silent.server.state = null
    const twice = async (): Promise<void> => {
      await silent.database.refresh(silent.server.ask, nowhere)
      await silent.database.refresh(silent.server.ask, nowhere)
    }
    expect(await advised(twice)).toBe(1)
  })

  it('lets others have their turn while it is read, however many functions there are', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [
        `f${i}`,
        `${sources.nothing} -- ${'x '.repeat(5000)}`,
      ]),
    )
    const { server, database } = some(many)
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await database.refresh(server.ask, nowhere)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
  })

  it.each([
    ['f', 'askable'],
    ['t', 'unnamed'],
  ])('tells what is called without a name: %s', async (flag, expected) => {
    const { server, database } = some({ f: sources.askable })
    server.reached = [['anywhere', '', flag]]
    await database.refresh(server.ask, nowhere)
    expect(reached(database, 'SELECT 1')).toBe(expected)
  })

  it.each([
    [{ catalog: '42501' }, 'nothing', 1],
    [{ catalog: '0A000' }, 'nothing', 1],
    [{ reach: '42883' }, 'nothing', 1],
    [{ catalog: '57014' }, undefined, 0],
    [{ catalog: '57042' }, undefined, 0],
    [{ reach: '53200' }, undefined, 0],
  ])('is not known where the server answers %o', async (refuses, then, advice) => {
    const { server, database } = some({ f: sources.askable })
    server.refuses = refuses
    expect(await advised(() => database.refresh(server.ask, nowhere))).toBe(advice)
    expect(reached(database, 'SELECT f(1)')).toBe(then)
    server.refuses = {}
    database.change()
    await database.refresh(server.ask, nowhere)
    expect(reached(database, 'SELECT f(1)')).toBe('askable')
  })

  it('that could not be read is not believed, and is due again a while later', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    heedTimers()
    const { server, database } = some({ f: sources.nothing })
    await database.refresh(server.ask, nowhere)
    const ranAt = performance.now()
    database.change()
    server.state = '2'
    server.refuses = { catalog: '55P03' }
    await database.refresh(server.ask, nowhere)
    expect([database.isKnownSince(ranAt), database.isDue()]).toEqual([false, false])
    vi.advanceTimersByTime(6_000)
    expect([database.isKnownSince(ranAt), database.isDue()]).toEqual([false, true])
    server.refuses = {}
    await database.refresh(server.ask, nowhere)
    expect([database.isKnownSince(ranAt), database.isDue()]).toEqual([true, false])
  })

  it('is looked at again once a minute has passed, whoever changes it', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    heedTimers()
    const { server, database } = some()
    await database.refresh(server.ask, nowhere)
    vi.advanceTimersByTime(59_000)
    expect(database.isDue()).toBe(false)
    vi.advanceTimersByTime(2_000)
    expect(database.isDue()).toBe(true)
  })

  it.each([{ catalog: '57014' }, { reach: '57014' }, { catalog: '42501' }, { reach: '42501' }])(
    'that was known is known still where %o comes between, as it does for one session alone',
    async (refuses) => {
      const { server, database } = some({ f: sources.askable })
      await database.refresh(server.ask, nowhere)
      server.state = '2'
      server.refuses = refuses
      await database.refresh(server.ask, nowhere)
      expect(reached(database, 'SELECT f(1)')).toBe('askable')
    },
  )

  it('is nobody else’s while somebody reads it, and due again where the connection ended', async () => {
    const { server, database } = some()
    const reading = database.refresh(server.ask, nowhere)
    expect(database.isDue()).toBe(false)
    await reading
    database.change()
    const lost = database.refresh(() => Promise.reject(new Error('lost')), nowhere)
    expect(database.isDue()).toBe(false)
    await expect(lost).rejects.toThrow('lost')
    expect(database.isDue()).toBe(true)
  })

  it('that changes while it is read is due again', async () => {
    const { server, database } = some()
    const reading = database.refresh(server.ask, nowhere)
    database.change()
    await reading
    expect(database.isDue()).toBe(true)
  })

  it('was known since it was read, until something was defined', async () => {
    const { server, database } = some()
    const before = performance.now()
    await database.refresh(server.ask, nowhere)
    expect([database.isKnownSince(before), database.isKnownSince(performance.now() + 1)]).toEqual([
      true,
      false,
    ])
    database.change()
    expect(database.isKnownSince(before)).toBe(false)
  })

  it.each([
    ['the same again', {}, 0],
    ['a function more', { g: sources.askable }, 1],
    ['what hides its name now', { f: sources.unnamed }, 1],
    ['another name of a setting', { f: sources.askable.replace('app.who', 'app.what') }, 1],
    ['something that leaves nothing', { g: sources.nothing }, 0],
  ])('tells those that ran before of what more it is found to be: %s', async (_what, more, by) => {
    const { server, database } = some({ f: sources.askable })
    await database.refresh(server.ask, nowhere)
    expect(database.epoch).toBe(0)
    server.state = '2'
    server.functions = { ...server.functions, ...more }
    await database.refresh(server.ask, nowhere)
    expect(database.epoch).toBe(by)
  })
})

describe('what may write', () => {
  it('is read once, as long as the catalog is the same', async () => {
    const { server, database } = some({ f: sources.nothing })
    const text = 'SELECT f(1)'
    const writers = await database.writers(performance.now(), server.ask, nowhere)
    expect(writers?.of(analyze(text), text)).not.toBe('nothing')
    expect(await database.writers(performance.now(), server.ask, nowhere)).toBe(writers)
    expect(server.asked).toEqual(['catalog', 'reach', 'state'])
    server.state = '2'
    server.functions = {}
    expect(
      (await database.writers(performance.now(), server.ask, nowhere))?.of(analyze(text), text),
    ).toBe('nothing')
  })

  it.each([{ catalog: '57014' }, { catalog: '42501' }, { reach: '57014' }, { reach: '42501' }])(
    'is not known where the server answers %o, whatever was known before',
    async (refuses) => {
      const { server, database } = some({ f: sources.nothing })
      await database.writers(performance.now(), server.ask, nowhere)
      server.state = '2'
      server.refuses = refuses
      expect(await database.writers(performance.now(), server.ask, nowhere)).toBe(undefined)
      server.refuses = {}
      expect(await database.writers(performance.now(), server.ask, nowhere)).not.toBe(undefined)
    },
  )

  it('is not known where the server tells nothing of what it has just told of', async () => {
    const { server, database } = some({ f: sources.nothing })
    const ask: Inquiry = async (text, values) => {
      const { rows, code } = await server.ask(text, values)
      return { rows: text.includes('WITH RECURSIVE') ? [] : rows, code }
    }
    expect(await database.writers(performance.now(), ask, nowhere)).toBe(undefined)
  })

  it('is not known where the server tells of no state', async () => {
    const { server, database } = some({ f: sources.nothing })
    server.state = null
    expect(await database.writers(performance.now(), server.ask, nowhere)).toBe(undefined)
  })
})

describe('what is read of a catalog', () => {
  it.each([
    ['700:702:701', '700:702:701'],
    [null, undefined],
  ])('is of the moment that the server names: %s', async (seen, snapshot) => {
    const ask: Inquiry = async () => ({ rows: [['state', null, seen, '1']], code: undefined })
    expect(await readReach(leaving, ask)).toMatchObject({ state: '1', snapshot })
  })
})

describe('statements that are judged later', () => {
  const ran = (text: string, values: readonly unknown[] = []) => ({
    statement: analyze(text),
    text,
    values,
  })
  const forms = (count: number): Unjudged => {
    const unjudged = new Unjudged()
    for (let i = 0; i < count; i++) unjudged.add(ran(`SELECT f(${i}) AS a${i}`))
    return unjudged
  }
  it('are kept as long as there is room, and what is known needs none', () => {
    const whole = forms(1000)
    whole.add(ran('SELECT f(0) AS a0'))
    expect(whole.many).toBe(false)
    whole.add(ran('SELECT g(0) AS b0'))
    expect(whole.many).toBe(true)
    expect([...whole.take()]).toHaveLength(1000)
    expect([whole.many, whole.empty]).toEqual([false, true])
  })
  it('have the names that they were given, as many as can be kept', () => {
    const unjudged = new Unjudged()
    const text = 'SELECT set_config($1, $2, false)'
    const { statement } = ran(text)
    for (let i = 0; i < 1000; i++) unjudged.add({ statement, text, values: [`app.n${i}`, 7, null] })
    expect(unjudged.many).toBe(false)
    expect([...unjudged.take()]).toMatchObject([{ text, values: { length: 1000 } }])
    for (let i = 0; i < 1001; i++) unjudged.add({ statement, text, values: [`app.n${i}`] })
    expect(unjudged.many).toBe(true)
  })
})

describe('a source', () => {
  it.each([
    ['plpgsql', sources.nothing, 'nothing'],
    ['plpgsql', sources.askable, 'askable'],
    ['sql', "SELECT set_config('a.b', 'c', false)", 'askable'],
    ['sql', 'SELECT set_config(k, v, false)', 'unnamed'],
    ['c', 'anything', 'unnamed'],
    ['internal', 'anything', 'unnamed'],
    ['plpython3u', 'return 1', 'nothing'],
    ...[
      'plpy.execute("x")',
      "set_config('a.b')",
      'SET a = 1',
      'pg_advisory_lock(1)',
      'CREATE TEMP TABLE t',
      'LISTEN x',
    ].map((source) => ['plpython3u', source, 'unnamed'] as const),
  ] as const)('in %s may leave what it says: %s', (language, source, expected) => {
    const { leaves, unnamed } = leaving.judge(language, source, false)
    expect(leaves ? (unnamed ? 'unnamed' : 'askable') : 'nothing').toBe(expected)
  })
})

describe('an expression as the catalog holds it', () => {
  const head =
    '{CONST :consttype 25 :consttypmod -1 :constcollid 100 :constlen -1 :constbyval false'
  const text = (value: string): string => {
    const bytes = [...Buffer.from(value)].map((byte) => (byte > 127 ? byte - 256 : byte))
    return `${head} :constisnull false :location 9 :constvalue ${bytes.length + 4} [ ${bytes.length * 4 + 16} 0 0 0 ${bytes.join(' ')} ]}`
  }
  const bool = (value: boolean): string =>
    `{CONST :consttype 16 :consttypmod -1 :constcollid 0 :constlen 1 :constbyval true :constisnull false :location 40 :constvalue 1 [ ${Number(value)} 0 0 0 0 0 0 0 ]}`
  const call = (id: number, ...values: readonly string[]): string =>
    `{FUNCEXPR :funcid ${id} :funcresulttype 25 :funcretset false :funcvariadic false :funcformat 0 :funccollid 100 :inputcollid 100 :args (${values.join(' ')}) :location 7}`
  const set = (name: string, local = bool(false), value = text('x')): string =>
    call(2078, name, value, local)
  const column = '{VAR :varno 1 :varattno 2 :vartype 25 :vartypmod -1}'
  const null_ = `${head} :constisnull true :location 9 :constvalue <>}`
  const computed = call(3058, text('app.'), column)

  it.each<[string, string, readonly string[] | 'unnamed' | 'nothing']>([
    ['a setting', set(text('app.who')), ['app.who']],
    ['one in capitals', set(text('App.WHO')), ['app.who']],
    ['one with an umlaut', set(text('app.größe')), ['app.größe']],
    ['one of a long name', set(text('app.a_name_of_many_letters')), ['app.a_name_of_many_letters']],
    [
      'two',
      `({TARGETENTRY :expr ${set(text('a.b'))}} {TARGETENTRY :expr ${set(text('c.d'))}})`,
      ['a.b', 'c.d'],
    ],
    ['one for a transaction', set(text('a.b'), bool(true)), 'nothing'],
    ['one for a transaction by a name that is computed', set(computed, bool(true)), 'nothing'],
    ['one of each', set(text('a.b'), bool(true), set(text('c.d'))), ['c.d']],
    ['one that is local or not', set(text('a.b'), call(1, column)), ['a.b']],
    ['a name that is computed', set(computed), 'unnamed'],
    ['a name that is a column', set(column), 'unnamed'],
    ['a name that is null', set(null_), 'unnamed'],
    ['one of a name and one without', `${set(text('a.b'))} ${set(column)}`, 'unnamed'],
    [
      'a value with braces in its names',
      set(text('a.b'), bool(true), '{RTE :name a\\}\\)b}'),
      'nothing',
    ],
    ['a lock', call(2880, column), []],
    ['a lock of two numbers', call(2889, column, column), []],
    ['all locks let go', call(2892), []],
    ['a lock of a transaction', call(3089, column), 'nothing'],
    ['what is cut off', '{FUNCEXPR :funcid 2078 :args ({CONST', 'unnamed'],
  ])('leaves %s', (_what, tree, left) => {
    const expected = {
      leaves: left !== 'nothing',
      unnamed: left === 'unnamed',
      ...(Array.isArray(left) ? { settings: left } : {}),
    }
    expect(leaving.judge('tree', tree, false)).toMatchObject(expected)
  })
  it('leaves what has no name where it does not tell', () => {
    expect(leaving.judge('hidden', '', false)).toEqual({
      leaves: true,
      unnamed: true,
      settings: [],
    })
  })
})

describe('a statement may leave', () => {
  const names = (f: Record<string, boolean>) =>
    new Reach({
      f: new Map(Object.entries(f)),
      r: new Map(),
      w: new Map(),
      anywhere: undefined,
      defining: undefined,
    })

  it.each([
    ['SELECT 1', 'nothing'],
    ['SELECT f(1)', 'askable'],
    ['SELECT hide(1)', 'unnamed'],
    ["SELECT query_to_xml('x', true, true, '')", 'unnamed'],
    ["SELECT dblink_exec('x', 'y'), f(1)", 'unnamed'],
    ['CALL p()', 'nothing'],
    ["DO $$BEGIN PERFORM set_config('a.b', 'c', false); END$$", 'askable'],
    ['DO $$BEGIN PERFORM set_config(k, v, false); END$$', 'unnamed'],
    ["SELECT f(1); DO 'BEGIN EXECUTE x; END'", 'unnamed'],
    ['VACUUM', 'askable'],
    ['SELECT hide(1); VACUUM', 'unnamed'],
    ['COMMIT', 'nothing'],
    ['CREATE TABLE t (a int)', 'nothing'],
    ["PREPARE TRANSACTION 'x'", 'nothing'],
    ["UPDATE pg_settings SET setting = 'x'", 'askable'],
    ["UPDATE pg_catalog.PG_SETTINGS SET setting = 'x'", 'askable'],
    ['UPDATE U&"pg\\005fsettings" SET setting = $1', 'unnamed'],
    ['WITH w AS (UPDATE pg_settings SET setting = $1 RETURNING 1) SELECT 1 FROM w', 'askable'],
    ['SELECT 1; UPDATE pg_settings SET setting = $1', 'askable'],
    ['UPDATE pg_settings SET setting = hide(1)', 'unnamed'],
    ['UPDATE t SET a = 1', 'nothing'],
    ['SELECT 1; UPDATE t SET a = 1', 'nothing'],
    ['SELECT setting FROM pg_settings', 'nothing'],
    ['WITH w AS (SELECT 1) SELECT setting FROM pg_settings', 'nothing'],
    ['SELECT 1; SELECT setting FROM pg_settings', 'nothing'],
    ['INSERT INTO t SELECT setting FROM pg_settings', 'nothing'],
  ])('what it says: %s: %s', (text, expected) => {
    expect(leftBy(names({ f: false, hide: true }), analyze(text), text)).toBe(expected)
  })

  it('a setting by an escaped name, also where nothing else can be reached', () => {
    const text = 'UPDATE u&"pg\\005fsettings" SET setting = $1'
    expect(leftBy(names({}), analyze(text), text)).toBe('askable')
  })
  it.each([
    [{}, 'askable'],
    [{ f: false }, 'askable'],
    [{ f: false, hide: true }, 'unnamed'],
  ])('the worst that there is where nobody knows what it is: %o', (functions, expected) => {
    expect(leftBy(names(functions), analyze('EXECUTE p'), undefined)).toBe(expected)
  })
})
