import { analyze } from '@reprise/core'
import { describe, expect, it } from 'vitest'
import type { Connection } from '../src/connection/connection.ts'
import type { Raw } from '../src/connection/wire.ts'
import { FormHistories } from '../src/exchange/form-history.ts'
import { arrayOf, mentionedIn, readFacts } from '../src/transaction/session-facts.ts'
import { SessionInquiry } from '../src/transaction/session-inquiry.ts'
import { connection, report, shared } from './answers.ts'
import { Books } from './books.ts'

/** A session that asks, with its books. */
class Asking {
  readonly books = new Books()
  readonly names = new Set<string>()
  readonly inquiry: SessionInquiry
  readonly at: Connection = connection()

  constructor(histories = new FormHistories()) {
    this.inquiry = new SessionInquiry(this.books.state, histories, this.names)
  }

  /** A statement has its answer. */
  note(text: string, failed = false): this {
    this.books.run(text)
    this.inquiry.note(analyze(text), text, failed, this.at)
    return this
  }

  get due(): boolean {
    return this.inquiry.isDue(this.at)
  }

  /** Whether settings that are mentioned anywhere are looked for, and which are asked after. */
  get question(): { discovers: boolean; names: unknown } {
    const { text, values } = this.inquiry.question(shared.Exchange) as {
      text?: string
      values?: unknown[]
    }
    return { discovers: text?.includes('pg_proc\n   WHERE') === true, names: values?.[0] }
  }

  /** The server answers. */
  answered(rows: (string | null)[][] = [], how: object = {}): this {
    const exchange = this.inquiry.question(shared.Exchange)
    exchange.taped = [['pid', '1', null], ...rows] as Raw[][]
    this.inquiry.answered(Object.assign(exchange, how), this.at)
    return this
  }
}

describe('the server is asked what the session holds', () => {
  it.each([
    'SELECT f()',
    'CALL p()',
    'DO $$BEGIN END$$',
    'INSERT INTO t VALUES (1)',
    'EXECUTE p',
    'SELECT pg_try_advisory_lock(1)',
    'CREATE TEMP TABLE t (a int)',
    'SELECT 1; SELECT f()',
    'DISCARD ALL',
  ])('behind %s', (text) => {
    expect(new Asking().note(text).due).toBe(true)
  })
  it.each(['SELECT 1', 'SET a = 1', 'BEGIN', 'COMMIT', 'LISTEN c', 'PREPARE p AS SELECT 1', ''])(
    'not behind %s',
    (text) => {
      expect(new Asking().note(text).due).toBe(false)
    },
  )
  it('behind a definition only where it may undo an anchor', () => {
    const asking = new Asking()
    for (let times = 0; times < 33; times++) asking.note('DROP TABLE t').answered()
    expect(asking.note('DROP TABLE t').due).toBe(false)
    asking.note('CREATE TEMP TABLE t (a int)').answered([['temp', 't', null]])
    expect(asking.note('DROP TABLE t').due).toBe(true)
    asking.answered([['temp', 't', null]])
    expect(asking.note('INSERT INTO t VALUES (1)').answered([['temp', 't', null]]).due).toBe(false)
    expect(asking.note('INSERT INTO t VALUES (1)').answered([['temp', 't', null]]).due).toBe(false)
    expect(asking.note('INSERT INTO t VALUES (1)').due).toBe(false)
  })
  it('behind each statement that shows what it did to an anchor, and not how it went', () => {
    const asking = new Asking()
    for (let times = 0; times < 40; times++) {
      expect(asking.note('SELECT pg_try_advisory_lock(1)').due).toBe(true)
      asking.answered()
    }
  })
  it('not before anything ran', () => {
    expect(new Asking().due).toBe(false)
  })
  it('where a setting was made whose value nobody saw', () => {
    const asking = new Asking()
    asking.books.run('SELECT set_config($1, $2, false)', { values: ['app.a', 'b'] })
    expect(asking.due).toBe(true)
    expect(asking.question.names).toBe('{"app.a"}')
  })
  it('not on a connection that is gone, or does not tell', () => {
    const asking = new Asking().note('SELECT f()')
    expect(asking.inquiry.isDue(connection({ usable: false }))).toBe(false)
    expect(asking.inquiry.isDue(connection({ tells: false }))).toBe(false)
    const pooled = new Asking()
    pooled.at.tells = false
    pooled.note('SELECT f()')
    pooled.at.tells = true
    expect(pooled.due).toBe(false)
  })
  it('once, and not again until something else runs', () => {
    const asking = new Asking().note('SELECT f()')
    expect(asking.answered().due).toBe(false)
    asking.note('SELECT f()')
    asking.inquiry.clear()
    expect(asking.due).toBe(false)
  })
})

describe('what a prepared statement hides', () => {
  it.each([
    ['PREPARE p AS SELECT 1', 'EXECUTE p', false],
    ['PREPARE p AS SELECT 1', '  execute P ', false],
    ['prepare p as\nSELECT f()', 'EXECUTE p', true],
    ['PREPARE  pp  AS  SELECT 1', 'EXECUTE  pp', false],
    ['PREPARE p AS SELECT 1', 'EXECUTE q', true],
    ['PREPARE p AS SELECT 1', 'EXECUTE "p"', true],
    ['PREPARE p (int) AS SELECT 1', 'EXECUTE p(1)', true],
    ['PREPARE p AS SELECT 1', 'EXECUTE p; EXECUTE p', true],
  ])('is what its text does, where it is known: %s, %s', (prepared, text, due) => {
    expect(new Asking().note(prepared).note(text).due).toBe(due)
  })
})

describe('a form of statements', () => {
  const asked = (asking: Asking, text: string, times: number): number => {
    let count = 0
    for (let at = 0; at < times; at++) {
      asking.note(text)
      if (asking.due) count += 1
      asking.answered()
    }
    return count
  }
  it('that was seen to change nothing is asked after ever more seldom', () => {
    expect(asked(new Asking(), 'SELECT f(1)', 64)).toBe(7)
  })
  it('is known to all sessions, whatever its values', () => {
    const histories = new FormHistories()
    asked(new Asking(histories), 'SELECT f(1)', 1)
    // The second and the fourth; of a new form it would be the first as well.
    expect(asked(new Asking(histories), 'SELECT f(2)', 6)).toBe(2)
  })
  it('that once changed something is asked after each time', () => {
    const asking = new Asking().note('SELECT f()').answered([['set', 'a', 'x']])
    expect(asked(asking, 'SELECT f()', 10)).toBe(10)
  })
  it('is not taken for harmless where it was undone, or something else may have changed as much', () => {
    const failed = new Asking()
    for (let at = 0; at < 10; at++) failed.note('SELECT f()', true).answered()
    expect(failed.note('SELECT f()').due).toBe(true)
    const back = new Asking()
    for (let at = 0; at < 10; at++) back.note('SELECT f()').note('ROLLBACK').answered()
    expect(back.note('SELECT f()').due).toBe(true)
    const partly = new Asking()
    for (let at = 0; at < 10; at++) partly.note('SELECT f()').note('ROLLBACK TO s').answered()
    expect(partly.note('SELECT f()').due).toBe(true)
    const batch = new Asking()
    for (let at = 0; at < 10; at++)
      batch.note('SELECT f()').note('ROLLBACK TO s; SELECT 1').answered()
    expect(batch.note('SELECT f()').due).toBe(true)
    const unclear = new Asking()
    for (let at = 0; at < 10; at++) unclear.note('SELECT f()').note('SET a = 1').answered()
    expect(unclear.note('SELECT f()').due).toBe(true)
    expect(asked(new Asking().note('SELECT f()').note('COMMIT').answered(), 'SELECT f()', 2)).toBe(
      1,
    )
  })
  it('is taken for harmless when it was not undone the next time', () => {
    const asking = new Asking().note('SELECT f()', true).answered()
    asking.note('SELECT f()').answered()
    expect(asking.note('SELECT f()').due).toBe(false)
    const cleared = new Asking().note('SELECT f()', true)
    cleared.inquiry.clear()
    cleared.note('SELECT f()').answered()
    expect(cleared.note('SELECT f()').due).toBe(false)
  })
  it('is not remembered of a long text, which is asked after each time', () => {
    const long = `SELECT f(); SELECT '${'x'.repeat(64 << 10)}'`
    expect(asked(new Asking(), long, 40)).toBe(40)
    expect(asked(new Asking(), `SELECT f('${'x'.repeat(64 << 10)}')`, 40)).toBeLessThan(10)
    const fits = `SELECT f(); SELECT '${'x'.repeat((64 << 10) - 21)}'`
    expect(fits).toHaveLength(64 << 10)
    expect(asked(new Asking(), fits, 40)).toBeLessThan(10)
  })
})

describe('a connection that ends before anybody asked', () => {
  it.each([
    ['SELECT f()', true],
    ['CALL p()', true],
    ['INSERT INTO t VALUES (1)', false],
    ['SELECT pg_advisory_lock(1)', false],
    ['SELECT 1', false],
  ])('behind %s takes with it what nobody has seen: %s', (text, unknown) => {
    const asking = new Asking()
    asking.inquiry.note(analyze(text), text, false, asking.at)
    expect(asking.inquiry.lost()).toBe(unknown)
    expect(asking.books.state.anchor).toBe(
      unknown ? 'what a function may have left in the session' : undefined,
    )
    expect(asking.inquiry.lost()).toBe(false)
    expect(asking.due).toBe(false)
  })
  it('takes nothing where the statement was seen to change nothing', () => {
    const asking = new Asking().note('SELECT f()').answered()
    expect(asking.note('SELECT f()').due).toBe(true)
    expect(asking.inquiry.lost()).toBe(false)
  })
})

describe('the question', () => {
  it('looks for settings that are mentioned anywhere the first time, and for a form that is new', () => {
    const asking = new Asking().note("SELECT f('app.a')")
    expect(asking.question).toEqual({ discovers: true, names: '{"app.a"}' })
    asking.answered([['mention', 'app.b', null]])
    asking.note("SELECT f('app.a')")
    expect(asking.question).toEqual({ discovers: false, names: '{"app.a","app.b"}' })
    asking.note('SELECT g()')
    expect(asking.question.discovers).toBe(true)
  })
  it('looks for them as long as none is known', () => {
    const asking = new Asking().note('SELECT f()').answered()
    asking.note('SELECT f()')
    expect(asking.question).toEqual({ discovers: true, names: '{}' })
  })
  it('searches no long text for them', () => {
    const asking = new Asking().note(`SELECT f('app.a', '${'x'.repeat(64 << 10)}')`)
    expect(asking.question.names).toBe('{}')
  })
  it('keeps what it needs of the answer', () => {
    expect(new Asking().inquiry.question(shared.Exchange).tapeLimit).toBe(1 << 20)
  })
})

describe('the answer', () => {
  it('takes the place of what texts let guess', async () => {
    const asking = new Asking().note('SELECT f()').answered([
      ['set', 'work_mem', '64'],
      ['listen', 'c', null],
    ])
    expect(asking.books.state.listening).toBe(true)
    expect(await asking.books.restored()).toEqual([
      "SELECT pg_catalog.set_config(E'work_mem', E'64', false);\nLISTEN \"c\"",
    ])
  })
  it.each([
    [
      'of another backend, as behind a pooler',
      {
        taped: [
          ['pid', '2', null],
          ['set', 'a', '1'],
        ],
      },
    ],
    ['that was refused', { error: report('42501') }],
    ['that was too long', { taped: undefined }],
  ])('%s changes nothing, and nobody asks again on that connection', (_name, how) => {
    const asking = new Asking().note('SELECT f()').answered([['set', 'a', '1']], how)
    expect(asking.books.state.size).toBe(0)
    expect(asking.at.tells).toBe(false)
    expect(asking.due).toBe(false)
  })
  it('is read by kind', () => {
    const facts = readFacts([
      ['default', 'App.C=Usual', null],
      ['pid', '7', null],
      ['set', 'work_mem', '64'],
      ['unset', 'datestyle', 'ISO'],
      ['custom', 'app.a', 'x'],
      ['custom', 'app.none', null],
      ['custom', 'app.c', 'usual'],
      ['custom', 'plain', 'x'],
      ['set', 'app.known', 'y'],
      ['custom', 'app.known', 'z'],
      ['mention', 'app.m', 'x'],
      ['mention', 'unqualified', 'x'],
      ['role', 'none', null],
      ['authorization', 'u', 'u'],
      ['prepare', 'p', 'PREPARE p AS SELECT 1'],
      ['prepare', 'q', null],
      ['listen', 'c', null],
      ['advisory', '0:1:1:ExclusiveLock', null],
      ['temp', 't', null],
      ['cursor', 'c', null],
      ['something', 'new', null],
    ])
    expect(facts.pid).toBe(7)
    expect(Object.fromEntries(facts.settings)).toEqual({
      'set:work_mem': '64',
      'set:datestyle': null,
      'set:app.a': 'x',
      'set:app.none': null,
      'set:app.c': null,
      'set:app.known': 'y',
      'set:app.m': 'x',
      role: null,
      authorization: null,
    })
    expect(Object.fromEntries(facts.prepared)).toEqual({ p: 'PREPARE p AS SELECT 1', q: '' })
    expect([...facts.channels]).toEqual(['c'])
    expect(Object.fromEntries(facts.anchors)).toEqual({
      'advisory:0:1:1:ExclusiveLock': 'a session advisory lock',
      'temp:t': 'a temporary table',
      'cursor:c': 'a WITH HOLD cursor',
    })
    expect(facts.mentioned).toEqual(['app.m', 'unqualified'])
    const others = readFacts([
      ['role', 'r', null],
      ['authorization', 'u', 'login'],
    ])
    expect(Object.fromEntries(others.settings)).toEqual({ role: 'r', authorization: 'u' })
  })
})

describe('names of settings', () => {
  it.each([
    ["select current_setting('App.Tenant')", ['app.tenant']],
    ['set app.tenant = 1', ['app.tenant']],
    ['SET SESSION App.a.b TO 1', ['app.a.b']],
    ['set local app.tenant = 1', []],
    ['reset app.tenant', []],
    ["select 'plain', t.a, '1.5'", []],
    ["select 'a.b', 'c.d'", ['a.b', 'c.d']],
  ])('that %s mentions', (text, names) => {
    expect(mentionedIn(text)).toEqual(names)
  })
  it('are sent as an array of texts', () => {
    expect(arrayOf([])).toBe('{}')
    expect(arrayOf(['a', 'b"c', 'd\\e'])).toBe('{"a","b\\"c","d\\\\e"}')
  })
})
