import { analyze } from '@reprise/core'
import { describe, expect, it } from 'vitest'
import { newUnit } from '../../core/src/unit/unit.ts'
import type { Connection } from '../src/connection/connection.ts'
import { unreported } from '../src/connection/reported.ts'
import { Pending } from '../src/transaction/pending.ts'
import { judged, planWitness, tapeLimitOf } from '../src/transaction/plan.ts'
import { SessionState } from '../src/transaction/state.ts'
import { Transaction } from '../src/transaction/transaction.ts'
import { opaque, tellUnit, transactionAfter } from '../src/transaction/transaction-after.ts'
import { connection, exchange, report, server, settings } from './answers.ts'

const insert = 'INSERT INTO t VALUES (1)'
const witness = (xid: string | null) => ({
  xid,
  began: undefined,
  backend: { pid: 1, began: '', incarnation: server },
})
const inside = connection({ status: 'T' })

/** A transaction in which these ran. */
function transaction(...texts: string[]): Transaction {
  const open = new Transaction(1 << 20)
  for (const text of ['BEGIN', ...texts]) open.record(exchange(text))
  return open
}

/** One that has its id. */
function witnessed(): Transaction {
  const open = transaction()
  open.record(exchange(insert, { witness: witness('7') }))
  return open
}

function rideOf(
  text: string,
  at: Connection,
  open?: Transaction,
  options: Parameters<typeof settings>[0] = {},
  how: Parameters<typeof exchange>[1] = {},
): string {
  const one = exchange(text, how)
  planWitness(one, at, open, settings(options))
  return one.ride
}

describe('how a witness rides', () => {
  it.each([
    [insert, 'flushed'],
    ['SELECT f()', 'flushed'],
    ['SELECT 1', 'none'],
    ['BEGIN', 'none'],
    [`${insert}; ${insert}`, 'none'],
  ])('in autocommit, with %s: %s', (text, ride) => {
    expect(rideOf(text, connection())).toBe(ride)
    expect(rideOf(text, connection(), undefined, { witness: 'off' })).toBe('none')
    expect(rideOf(text, inside)).toBe('none')
  })
  it.each([
    ['code of the application runs again', true, 'flushed'],
    ['only what an ORM asks', false, 'none'],
  ])('with a read outside a transaction, where %s', (_what, code, ride) => {
    const unit = newUnit(1, true, false, code)
    expect(rideOf('SELECT n FROM t', connection(), undefined, {}, { unit })).toBe(ride)
    expect(rideOf(insert, connection(), undefined, {}, { unit })).toBe('flushed')
  })
  it('is held in autocommit where nothing may be in doubt, or a round trip counts for little', () => {
    expect(rideOf(insert, connection(), undefined, { exactlyOnce: true })).toBe('held')
    const size = (values: unknown[]): string =>
      rideOf('INSERT INTO t VALUES ($1)', connection(), undefined, {}, { values })
    const text = 'INSERT INTO t VALUES ($1)'
    expect(size(['x'.repeat((64 << 10) - text.length)])).toBe('flushed')
    expect(size(['x'.repeat((64 << 10) - text.length + 1)])).toBe('held')
    expect(size([Buffer.alloc(64 << 10)])).toBe('held')
    expect(size([new Uint8Array(32 << 10), 'x'.repeat(32 << 10), null, 7])).toBe('held')
    expect(rideOf(`INSERT INTO t VALUES ('${'x'.repeat(64 << 10)}')`, connection())).toBe('held')
  })
  it.each<[string, Transaction, string]>([
    [insert, transaction(), 'behind'],
    ['SELECT f()', transaction(), 'behind'],
    ['SELECT 1', transaction(), 'none'],
    [insert, witnessed(), 'none'],
    ['COMMIT', transaction('SELECT 1'), 'none'],
    ['COMMIT', transaction('SELECT f()'), 'ahead'],
    ['COMMIT', transaction('COPY t FROM STDIN'), 'ahead'],
    ['COMMIT', witnessed(), 'none'],
  ])('inside a transaction, with %s', (text, open, ride) => {
    expect(rideOf(text, inside, open)).toBe(ride)
    expect(rideOf(text, connection({ status: 'E' }), open)).toBe('none')
    expect(rideOf(text, inside, open, { witness: 'off' })).toBe('none')
    expect(rideOf(text, inside, open, {}, { rows: 10 })).toBe('none')
  })
  it('ahead of a COMMIT is awaited where nothing may be in doubt', () => {
    expect(rideOf('COMMIT', inside, transaction('SELECT 1'), { exactlyOnce: true })).toBe('awaited')
    expect(rideOf('COMMIT', inside, witnessed(), { exactlyOnce: true })).toBe('none')
  })
})

describe('a token', () => {
  const token = (text: string, at: Connection, open?: Transaction) => {
    const one = exchange(text)
    planWitness(one, at, open, settings({ witness: { token: 'tokens' } }))
    return one.token
  }
  it('is left by what commits at once and leaves rows', () => {
    expect(token(insert, connection())).toMatchObject({ table: 'tokens' })
    expect(token('CREATE TABLE t (a int)', connection())).toMatchObject({ table: 'tokens' })
    expect(token('SELECT f()', connection())).toBe(undefined)
    expect(token('SELECT 1', connection())).toBe(undefined)
  })
  it('is left where there is a table for it, and nowhere else', () => {
    const one = exchange(insert)
    planWitness(one, connection(), undefined, settings())
    expect(one.token).toBe(undefined)
  })
  it('is left ahead of the COMMIT of a transaction that has an id, and not before', () => {
    expect(token(insert, inside, transaction())).toBe(undefined)
    expect(token('COMMIT', inside, witnessed())).toMatchObject({ table: 'tokens' })
    expect(token('COMMIT', inside, transaction('SELECT f()'))).toBe(undefined)
    expect(token(insert, inside, witnessed())).toBe(undefined)
  })
  it('is another one each time', () => {
    expect(token(insert, connection())?.id).not.toBe(token(insert, connection())?.id)
  })
})

describe('a transaction id', () => {
  const draws = (text: string, open?: Transaction): boolean => {
    const one = exchange(text)
    planWitness(one, open === undefined ? connection() : inside, open, settings())
    return one.draw
  }
  it('is drawn where it would come only while committing, or was not seen', () => {
    expect(draws('NOTIFY c')).toBe(true)
    expect(draws("SELECT pg_notify('c', '')")).toBe(true)
    expect(draws(insert)).toBe(false)
    expect(draws('COMMIT', transaction('SELECT f()'))).toBe(true)
    expect(draws('COMMIT', transaction('SELECT 1'))).toBe(false)
    expect(draws('COMMIT', transaction('COPY t TO STDOUT'))).toBe(true)
    expect(draws('COMMIT', witnessed())).toBe(false)
    expect(draws('SELECT 1', transaction('SELECT f()'))).toBe(false)
    expect(draws('COMMIT')).toBe(false)
  })
})

describe('who is at the other end is asked', () => {
  const asks = (text: string, at: Partial<Connection>, options = {}, how = {}): boolean => {
    const one = exchange(text, how)
    planWitness(one, connection(at), undefined, settings(options))
    return one.identify
  }
  const unknown = { backend: undefined }
  const standby = { backend: { pid: 1, began: '', incarnation: { ...server, timeline: null } } }
  it.each<[string, Partial<Connection>, boolean]>([
    [insert, unknown, true],
    ['SELECT 1', unknown, true],
    ['SELECT f()', unknown, true],
    ['BEGIN', unknown, false],
    ['SELECT 1; SELECT 2', unknown, false],
    ["SELECT '\\'", unknown, false],
    ['SHOW a', unknown, true],
    ['CALL p()', unknown, false],
    [insert, {}, false],
    [insert, standby, true],
    ['SELECT 1', standby, false],
    [insert, { ...unknown, identifying: false }, false],
    [insert, { ...unknown, status: 'E' }, false],
  ])('with %s, where %o: %s', (text, at, asked) => {
    expect(asks(text, at)).toBe(asked)
    expect(asks(text, at, {}, { rows: 10 })).toBe(false)
  })
  it('ahead of a COMMIT that a witness rides ahead of', () => {
    const commit = exchange('COMMIT')
    planWitness(
      commit,
      connection({ status: 'T', ...unknown }),
      transaction('SELECT f()'),
      settings(),
    )
    expect(commit).toMatchObject({ ride: 'ahead', identify: true })
  })
  it('also where no witness is wanted', () => {
    expect(asks(insert, unknown, { witness: 'off' })).toBe(true)
    expect(asks(insert, standby, { witness: 'off' })).toBe(false)
  })
})

describe('a text that the server may read otherwise', () => {
  const text = "INSERT INTO t VALUES ('\\')"
  it('may do anything where it does, and nothing of it is repeated, replayed or witnessed', () => {
    const otherwise = judged(
      analyze(text),
      connection({ reported: { ...unreported(), conformingStrings: false } }),
    )
    expect(otherwise).toEqual({
      ...analyze(text),
      kind: 'several',
      count: 2,
      reads: false,
      passing: false,
      guardable: false,
      commits: false,
      rollsBack: false,
      begins: false,
      canCommit: true,
      commitsInside: true,
      carriesWitness: false,
      orderFree: false,
    })
  })
  it('is what it is where the server says that it reads as we do', () => {
    const statement = analyze(text)
    expect(judged(statement, connection())).toBe(statement)
    const plain = analyze(insert)
    expect(
      judged(plain, connection({ reported: { ...unreported(), conformingStrings: false } })),
    ).toBe(plain)
  })
})

describe('how much of an answer is kept', () => {
  const all = settings({ maxTapeBytes: 1000 })
  it.each([
    ['SELECT 1', 0],
    ['BEGIN', 1000],
    ['SELECT 1; SELECT 2', 1000],
    ["SELECT set_config('a', 'b', false)", 64 << 10],
    ['SET a = 1', 0],
    ['SET a = 1; SET b = 1', 1000],
    ["SELECT set_config('a', 'b', false), pg_advisory_lock(1)", 64 << 10],
  ])('of %s: %i bytes', (text, bytes) => {
    expect(tapeLimitOf(analyze(text), undefined, all)).toBe(bytes)
  })
  it('in a transaction: what is left on its tape', () => {
    const open = new Transaction(1000)
    open.record(exchange('BEGIN'))
    expect(tapeLimitOf(analyze(insert), open, all)).toBe(1000 - 256 - 'BEGIN'.length)
    open.stopTaping('not-replayable')
    expect(tapeLimitOf(analyze('BEGIN'), open, all)).toBe(0)
    expect(tapeLimitOf(analyze("SELECT set_config('a', 'b', false)"), open, all)).toBe(64 << 10)
  })
})

describe('behind an answer', () => {
  const state = new SessionState()
  const after = (
    text: string,
    how: Parameters<typeof exchange>[1],
    status: 'I' | 'T' | 'E',
    open?: Transaction,
  ) => transactionAfter(exchange(text, how), connection({ status }), open, state, settings())
  it('a transaction is open that its BEGIN began, and is on tape', () => {
    const open = after('BEGIN', { tag: 'BEGIN', before: 'I' }, 'T')
    expect(open?.tape).toHaveLength(1)
    expect(open?.unreplayable).toBe(undefined)
    const same = after(insert, { tag: 'INSERT', before: 'T' }, 'T', open)
    expect(same).toBe(open)
    expect(open?.tape).toHaveLength(2)
  })
  it.each([
    ['SELECT 1; BEGIN', 'SELECT;BEGIN'],
    ['BEGIN; COMMIT; BEGIN', 'BEGIN;COMMIT;BEGIN'],
  ])('another one is that nobody saw begin: %s', (text, tag) => {
    expect(after(text, { tag, before: 'I' }, 'T')).toMatchObject({
      unreplayable: 'not-replayable',
      unwitnessed: true,
    })
  })
  it('the next one is open behind AND CHAIN, and nobody saw it begin', () => {
    const open = transaction(insert)
    const next = after('COMMIT AND CHAIN', { tag: 'COMMIT', before: 'T' }, 'T', open)
    expect(next).not.toBe(open)
    expect(next).toMatchObject({ unreplayable: 'not-replayable', pending: open.pending })
  })
  it('none is open when the server says so', () => {
    expect(after('COMMIT', { tag: 'COMMIT', before: 'T' }, 'I', transaction())).toBe(undefined)
    expect(after(insert, { tag: 'INSERT', before: 'I' }, 'I')).toBe(undefined)
  })
  it.each<[string, 'I' | 'T', boolean]>([
    ['COMMIT', 'T', false],
    ['ROLLBACK', 'T', false],
    [insert, 'T', true],
    [insert, 'I', false],
  ])('where none came, of %s: as the statement must have left it', (text, before, open) => {
    const lost = { ending: 'lost' as const, before, tag: text.split(' ')[0] }
    const status = open ? 'I' : 'T'
    expect(after(text, lost, status, transaction()) !== undefined).toBe(open)
  })
  it('where none came of AND CHAIN, another one is open', () => {
    const lost = { ending: 'lost' as const, before: 'T' as const, tag: 'COMMIT' }
    expect(after('COMMIT AND CHAIN', lost, 'I', transaction())?.unreplayable).toBe('not-replayable')
  })
  it('what it changed in the session is kept with its COMMIT, and its first row tells the value', async () => {
    const own = new SessionState()
    const answer = (
      text: string,
      how: Parameters<typeof exchange>[1],
      status: 'I' | 'T',
      open?: Transaction,
    ) => transactionAfter(exchange(text, how), connection({ status }), open, own, settings())
    const open = answer('BEGIN', { tag: 'BEGIN', before: 'I' }, 'T')
    const set = "SELECT set_config('app.a', $1, false)"
    answer(set, { tag: 'SELECT', before: 'T', values: ['x'], taped: [['x']] }, 'T', open)
    expect(own.size).toBe(0)
    answer('COMMIT', { tag: 'COMMIT', before: 'T' }, 'I', open)
    expect(own.size).toBe(1)
    answer('SET b = 1', { tag: undefined, error: report('42704'), before: 'I' }, 'I')
    expect(own.size).toBe(1)
    answer('SET b = 1; SELECT 1/0', { tag: 'SET', error: report('22012'), before: 'I' }, 'I')
    expect(own.size).toBe(1)
    answer('SET b = 1', { tag: 'SET', before: 'I' }, 'I')
    expect(own.size).toBe(2)
    answer(
      "SELECT set_config('c', 'x', false)",
      { tag: 'SELECT', before: 'I', taped: undefined },
      'I',
    )
    expect(own.anchor).toBe('a setting whose value was not seen')
  })
  it('an opaque transaction is neither replayed nor proved', () => {
    const open = opaque(settings(), new Pending())
    expect(open).toMatchObject({ unwitnessed: true, unreplayable: 'not-replayable' })
    expect(open.provable).toBe(false)
  })
})

describe('a unit that is run again', () => {
  const backend = { pid: 1, began: '', incarnation: server }
  const committed = (
    text: string,
    how: Parameters<typeof exchange>[1],
    postgres = true,
    code = true,
  ): boolean => {
    const unit = newUnit(1, true, false, code)
    tellUnit(exchange(text, { ...how, unit }), postgres)
    return unit.committed
  }
  it.each<[string, string, 'I' | 'T', boolean]>([
    ['COMMIT', 'COMMIT', 'T', true],
    ['COMMIT', 'ROLLBACK', 'T', false],
    ['COMMIT', 'COMMIT', 'I', true],
    [insert, 'INSERT', 'I', true],
    [insert, 'INSERT', 'T', false],
    ['SELECT 1', 'SELECT', 'I', false],
    ['SELECT of_somebody()', 'SELECT', 'I', true],
    ['SELECT of_somebody()', 'SELECT', 'T', false],
    ['SELECT pg_advisory_lock(1)', 'SELECT', 'I', false],
    ['SELECT pg_terminate_backend(1)', 'SELECT', 'I', false],
    ["SELECT set_config('a.b', '1', false)", 'SELECT', 'I', false],
    ["SELECT set_config('a.b', of_somebody(), false)", 'SELECT', 'I', true],
    ["SELECT app.set_config('a.b', '1')", 'SELECT', 'I', true],
    ['SELECT app.pg_advisory_lock(1)', 'SELECT', 'I', true],
    ['SELECT pg_catalog.pg_advisory_lock(1)', 'SELECT', 'I', false],
    ['SET a = 1', 'SET', 'I', false],
    ['COMMIT; SELECT 1', 'COMMIT;SELECT', 'T', true],
    ['SELECT 1; SELECT 2', 'SELECT;SELECT', 'T', false],
  ])('is kept by %s, tagged %s, met by %s: %s', (text, tag, before, kept) => {
    const witness = { backend, began: undefined, xid: null }
    expect(committed(text, { tag, before, witness })).toBe(kept)
  })
  it.each<[string, Parameters<typeof exchange>[1], boolean, boolean]>([
    ['drew an id', { witness: { backend, began: undefined, xid: '7' } }, true, true],
    ['drew none', { witness: { backend, began: undefined, xid: null } }, true, false],
    ['was not asked', {}, true, true],
    ['could not be asked, where there are no ids', {}, false, false],
    ['could only read', { guarded: true }, true, false],
  ])('is kept by a read outside a transaction that %s', (_, how, ids, kept) => {
    const autocommit = { tag: 'SELECT', before: 'I' as const, ...how }
    expect(committed('SELECT n FROM t', autocommit, ids)).toBe(kept)
    // What an ORM alone asks.
    expect(committed('SELECT n FROM t', autocommit, ids, false)).toBe(false)
    expect(committed('SELECT n FROM t', { tag: 'SELECT', before: 'T', ...how }, ids)).toBe(false)
  })
  it('may be none', () => {
    expect(() => tellUnit(exchange(insert, { tag: 'INSERT', before: 'I' }))).not.toThrow()
  })
})

describe('a tape', () => {
  it('takes bytes for texts, values and rows, and ends where it is full', () => {
    const open = new Transaction(1000)
    open.record(exchange('BEGIN', { tapedBytes: 100 }))
    expect(open.room).toBe(1000 - 256 - 5 - 100)
    const { room } = open
    open.record(exchange('SELECT $1', { values: ['x'.repeat(20), Buffer.alloc(30), 7, null] }))
    expect(open.room).toBe(room - 256 - 9 - 20 - 30 - 8 - 8)
    open.record(exchange('SELECT 1', { tapedBytes: 1000 }))
    expect(open).toMatchObject({ unreplayable: 'not-replayable', room: 0, tape: [] })
  })
  it('ends at an answer that was not kept, and keeps its first reason', () => {
    const open = transaction()
    open.record(exchange('SELECT 1', { taped: undefined }))
    expect(open.unreplayable).toBe('not-replayable')
    open.stopTaping('irreversible')
    expect(open.unreplayable).toBe('not-replayable')
    open.record(exchange('SELECT 1'))
    expect(open.tape).toEqual([])
  })
  it('is exactly as long as its limit allows', () => {
    const open = new Transaction(256 + 5)
    open.record(exchange('BEGIN'))
    expect(open.unreplayable).toBe(undefined)
    expect(open.room).toBe(0)
  })
  it.each([
    ["SELECT setval('s', 1)", 'irreversible'],
    ['SELECT pg_advisory_lock(1)', 'irreversible'],
    ["SELECT pg_notify('c', '')", undefined],
    ['SELECT pg_advisory_unlock(1)', undefined],
    ['CREATE TEMP TABLE t (a int)', undefined],
    [insert, undefined],
  ])('ends at what no rollback undoes: %s', (text, reason) => {
    expect(transaction(text).unreplayable).toBe(reason)
  })
})

describe('whether a replay that may only read proves that there was nothing to commit', () => {
  it.each([
    [['SELECT 1'], true],
    [['SELECT f()'], true],
    [['SET a = 1'], true],
    [['SAVEPOINT s', 'SELECT 1', 'ROLLBACK TO s'], true],
    [['SELECT 1; SELECT 2'], false],
    [['SET a = 1; SET b = 1'], false],
    [["SELECT pg_notify('c', '')"], false],
    [["SELECT dblink('', '')"], false],
    [[insert], false],
  ])('of %o: %s', (texts, provable) => {
    expect(transaction(...texts).provable).toBe(provable)
  })
  it('never where it has an id, or cannot be executed again', () => {
    const open = transaction('SELECT 1')
    open.record(exchange('SELECT f()', { witness: witness('7') }))
    expect(open.provable).toBe(false)
    const none = transaction('SELECT 1')
    none.record(exchange('SELECT f()', { witness: witness(null) }))
    expect(none.provable).toBe(true)
    none.stopTaping('irreversible')
    expect(none.provable).toBe(false)
  })
})

describe('a transaction is unwitnessed', () => {
  it.each<[string, Parameters<typeof exchange>[1], boolean]>([
    ['SELECT 1', {}, false],
    ['SAVEPOINT s', {}, false],
    ['SET a = 1', {}, false],
    ['FETCH c', {}, false],
    ['SELECT f()', {}, true],
    [insert, {}, true],
    ["SELECT '\\'", {}, true],
    ['COPY t FROM STDIN', {}, true],
    [insert, { error: report('23505') }, false],
    [insert, { witness: witness('7') }, false],
    [insert, { witness: witness(null) }, true],
    ['SELECT 1 FOR UPDATE', { witness: witness(null) }, true],
    ['SELECT f()', { witness: witness(null) }, true],
    ['NOTIFY c', { witness: witness(null) }, true],
    ['SELECT f()', { witness: witness('7') }, false],
  ])('behind %s, %o: %s', (text, how, unwitnessed) => {
    const open = transaction()
    open.record(exchange(text, how))
    expect(open.unwitnessed).toBe(unwitnessed)
  })
  it('no longer once an id is seen', () => {
    const open = transaction('SELECT f()')
    open.record(exchange(insert, { witness: witness('7') }))
    expect(open.unwitnessed).toBe(false)
    expect(open.witness?.xid).toBe('7')
  })
})
