import { describe, expect, it } from 'vitest'
import type { Loss } from '../src/loss/classify.ts'
import { decide, type Scene } from '../src/loss/policy.ts'
import { analyze } from '../src/sql/analyze.ts'

const loss = (seen: Partial<Loss> = {}): Loss => ({
  condition: 'admin_shutdown',
  sqlstate: '57P01',
  outcome: 'rolled-back',
  evidence: 'frame',
  announced: true,
  committedLocally: false,
  hereOnly: false,
  row: '',
  ...seen,
})

const scene = (text: string, known: Partial<Scene> = {}): Scene => ({
  statement: analyze(text),
  inTransaction: false,
  unreplayable: undefined,
  witnessed: false,
  provable: false,
  guarded: false,
  losses: 1,
  lostInFlight: 1,
  crashes: 0,
  ranFor: 5,
  operatorAfter: 10_000,
  ...known,
})

const write = 'INSERT INTO t VALUES (1)'
const repeat = { do: 'repeat', guarded: false, unlessServerUp: false }

describe('policy', () => {
  it('completes what is committed', () => {
    expect(decide(loss({ outcome: 'committed' }), scene(write))).toEqual({ do: 'complete' })
  })
  it('repeats what was rolled back', () => {
    expect(decide(loss(), scene(write))).toEqual(repeat)
  })
  it('repeats nothing before it knows what became of it on other servers', () => {
    const known = { inTransaction: true, witnessed: true, provable: true }
    for (const text of ['COMMIT', write]) {
      expect(decide(loss({ hereOnly: true }), scene(text, known))).toEqual({ do: 'look' })
    }
    const committed = loss({ outcome: 'committed', hereOnly: true })
    expect(decide(committed, scene('COMMIT', known))).toEqual({ do: 'complete' })
    expect(decide(loss({ hereOnly: true }), scene('ROLLBACK', known))).toEqual({ do: 'complete' })
  })
  it('repeats what was not sent', () => {
    expect(decide(loss({ outcome: 'not-sent' }), scene(write))).toEqual(repeat)
  })
  it('never repeats a write in doubt', () => {
    expect(decide(loss({ outcome: 'in-doubt' }), scene(write))).toEqual({
      do: 'surface',
      reason: 'in-doubt',
    })
  })
  it('asks the server about a write in doubt when it holds its witness', () => {
    expect(decide(loss({ outcome: 'in-doubt' }), scene(write, { witnessed: true }))).toEqual({
      do: 'resolve',
    })
  })
  it('repeats a read in doubt where the server keeps it from writing', () => {
    for (const text of ['SELECT a FROM t', 'SELECT f(a) FROM t', 'SHOW x', 'TABLE t']) {
      expect(decide(loss({ outcome: 'in-doubt' }), scene(text))).toEqual({
        ...repeat,
        guarded: true,
      })
    }
  })
  it('repeats it so for good, whatever becomes of the repetition', () => {
    const known = { guarded: true, lostInFlight: 2 }
    expect(decide(loss(), scene('SELECT a FROM t', known))).toEqual({ ...repeat, guarded: true })
  })
  it.each([
    "SELECT pg_notify('a', 'b')",
    'SELECT lo_create(1)',
    "SELECT * FROM dblink('x', 'y')",
    "SELECT * FROM pg_logical_slot_get_changes('s', NULL, NULL)",
    'SELECT pg_terminate_backend(1)',
    'SELECT 1; SELECT 2',
    'DECLARE c CURSOR WITH HOLD FOR SELECT f()',
  ])('never repeats in doubt what a READ ONLY transaction would not refuse: %s', (text) => {
    expect(decide(loss({ outcome: 'in-doubt' }), scene(text))).toMatchObject({ do: 'surface' })
  })
  it('repeats an idempotent statement in doubt as it is, outside a transaction only', () => {
    const text = `/* reprise:idempotent */ ${write}`
    expect(decide(loss({ outcome: 'in-doubt' }), scene(text))).toEqual(repeat)
    expect(decide(loss({ outcome: 'in-doubt' }), scene(text, { inTransaction: true }))).toEqual({
      do: 'surface',
      reason: 'in-doubt',
    })
  })
  it('does not repeat an idempotent statement whose effect no rollback undoes', () => {
    const text = '/* reprise:idempotent */ SELECT pg_terminate_backend(1)'
    expect(decide(loss({ outcome: 'in-doubt' }), scene(text))).toMatchObject({ do: 'surface' })
  })
  it('never repeats a locking read in doubt as a plain one', () => {
    expect(
      decide(loss({ outcome: 'in-doubt' }), scene('SELECT a FROM t FOR UPDATE')),
    ).toMatchObject({ do: 'surface' })
  })
  it('lets ROLLBACK succeed on a lost connection', () => {
    const known = { inTransaction: true, unreplayable: 'streamed' as const }
    expect(decide(loss(), scene('ROLLBACK', known))).toEqual({ do: 'complete' })
    // Who has caught the error of his BEGIN or his COMMIT sends one, too.
    expect(decide(loss(), scene('ROLLBACK'))).toEqual({ do: 'complete' })
    expect(decide(loss(), scene('ROLLBACK AND CHAIN'))).not.toEqual({ do: 'complete' })
  })
  it('has it proved that a COMMIT in doubt had nothing to commit', () => {
    const known = { inTransaction: true, provable: true }
    expect(decide(loss({ outcome: 'in-doubt' }), scene('COMMIT', known))).toEqual({ do: 'prove' })
  })
  it('asks the witness before it proves anything', () => {
    const known = { inTransaction: true, provable: true, witnessed: true }
    expect(decide(loss({ outcome: 'in-doubt' }), scene('COMMIT', known))).toEqual({ do: 'resolve' })
  })
  it('surfaces a transaction that cannot be replayed, with the reason', () => {
    const known = { inTransaction: true, unreplayable: 'not-replayable' as const }
    expect(decide(loss(), scene(write, known))).toEqual({ do: 'surface', reason: 'not-replayable' })
  })
  it.each(['idle_in_transaction_session_timeout', 'transaction_timeout'] as const)(
    'does not fight a limit that somebody set: %s',
    (condition) => {
      expect(decide(loss({ condition }), scene(write, { inTransaction: true }))).toEqual({
        do: 'surface',
        reason: 'limit',
      })
    },
  )
  it('takes a limit that ended an idle session for no limit of what was not sent', () => {
    const condition = 'transaction_timeout'
    expect(decide(loss({ condition, outcome: 'not-sent' }), scene(write))).toEqual(repeat)
    expect(decide(loss({ condition }), scene(write))).toEqual({ do: 'surface', reason: 'limit' })
    const known = { inTransaction: true }
    expect(decide(loss({ condition, outcome: 'not-sent' }), scene(write, known))).toEqual({
      do: 'surface',
      reason: 'limit',
    })
  })
  it('does not reconnect to a dropped database', () => {
    expect(decide(loss({ condition: 'database_dropped' }), scene(write))).toEqual({
      do: 'surface',
      reason: 'dropped',
    })
  })
  it('does not bring back a runaway query that an operator ended, unless the server went down', () => {
    expect(decide(loss(), scene('SELECT a FROM t', { ranFor: 10_000 }))).toEqual({
      ...repeat,
      unlessServerUp: true,
    })
  })
  it('takes no unannounced end for an operator', () => {
    expect(
      decide(loss({ announced: false }), scene('SELECT a FROM t', { ranFor: 60_000 })),
    ).toEqual(repeat)
  })
  it.each([
    ['what was not sent', loss({ outcome: 'not-sent' })],
    ['what the crash of another backend ended', loss({ condition: 'crash_shutdown' })],
  ])('takes no operator for the end of %s', (_what, lost) => {
    expect(decide(lost, scene(write, { ranFor: 60_000 }))).toEqual(repeat)
  })
  it('keeps on with a plain statement that is lost in flight again and again', () => {
    expect(decide(loss(), scene(write, { lostInFlight: 4 }))).toEqual(repeat)
  })
  it('gives up on work that loses its connection every time', () => {
    expect(decide(loss(), scene(write, { losses: 20 }))).toEqual(repeat)
    expect(decide(loss(), scene(write, { losses: 21 }))).toEqual({
      do: 'surface',
      reason: 'repeated',
    })
  })
  it('does once more, and no more, what was in flight when the server crashed', () => {
    expect(decide(loss(), scene(write, { crashes: 1 }))).toEqual(repeat)
    expect(decide(loss(), scene(write, { crashes: 2 }))).toEqual({
      do: 'surface',
      reason: 'repeated',
    })
  })
  it.each(['SELECT f()', 'DO $$ $$', 'CALL p()'])(
    'gives up early on what may itself be what ends its backend: %s',
    (text) => {
      const known = { inTransaction: true, lostInFlight: 3 }
      expect(decide(loss(), scene(text, known))).toEqual(repeat)
      expect(decide(loss(), scene(text, { ...known, lostInFlight: 4 }))).toEqual({
        do: 'surface',
        reason: 'repeated',
      })
    },
  )
  it('does again what a standby cancelled for its recovery, three times', () => {
    for (const condition of ['serialization_failure', 'deadlock_detected'] as const) {
      const cancelled = loss({ condition })
      expect(decide(cancelled, scene('SELECT 1', { lostInFlight: 3 }))).toEqual(repeat)
      expect(decide(cancelled, scene('SELECT 1', { lostInFlight: 4 }))).toEqual({
        do: 'surface',
        reason: 'conflict',
      })
    }
  })
})
