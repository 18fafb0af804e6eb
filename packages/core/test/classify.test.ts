import { describe, expect, it } from 'vitest'
import { classify, decisions } from '../src/loss/classify.ts'
import { type Evidence, isGenuine, isRecoveryConflict, type Report } from '../src/loss/evidence.ts'
import { analyze } from '../src/sql/analyze.ts'

const fatal: Report = {
  code: '57P01',
  severity: 'FATAL',
  file: 'postgres.c',
  routine: 'ProcessInterrupts',
}
/** What an error is called that is raised while a commit is made durable: an answer would be no other. */
const panic: Report = {
  code: '58030',
  severity: 'PANIC',
  file: 'xlog.c',
  routine: 'issue_xlog_fsync',
}
const pooler: Report = { code: '08P01', severity: 'FATAL' }
const insert = 'INSERT INTO t VALUES (1)'

function evidence(text: string, seen: Partial<Evidence> = {}): Evidence {
  return {
    submitted: true,
    syncHeld: false,
    witnessPending: false,
    unsent: false,
    simple: true,
    status: 'I',
    statement: analyze(text),
    tag: undefined,
    tags: 0,
    error: undefined,
    notice: undefined,
    socket: 'EOF',
    ...seen,
  }
}

function commit(seen: Partial<Evidence>): Evidence {
  return evidence('COMMIT', { status: 'T', ...seen })
}

describe('the decision table', () => {
  const rows: [promise: string, seen: Evidence, outcome: string][] = [
    ['what was never submitted is not sent', evidence(insert, { submitted: false }), 'not-sent'],
    ['a submitted write without an answer is in doubt', evidence(insert), 'in-doubt'],
    [
      'a reset proves no more than an end of file',
      evidence(insert, { socket: 'ECONNRESET' }),
      'in-doubt',
    ],
    [
      'an autocommit write that failed before its tag is rolled back',
      evidence(insert, { error: fatal }),
      'rolled-back',
    ],
    [
      'an autocommit write that failed after its tag is in doubt',
      evidence(insert, { error: fatal, tag: 'INSERT 0 1', tags: 1 }),
      'in-doubt',
    ],
    [
      'an autocommit write that failed after its tag, but before the witness behind it was answered, is rolled back',
      evidence(insert, { error: fatal, tag: 'INSERT 0 1', tags: 1, witnessPending: true }),
      'rolled-back',
    ],
    [
      "a pooler's error before the witness was answered proves nothing",
      evidence(insert, { error: pooler, tag: 'INSERT 0 1', tags: 1, witnessPending: true }),
      'in-doubt',
    ],
    [
      'an end of file before the witness was answered proves nothing: the commit may have followed',
      evidence(insert, { tag: 'INSERT 0 1', tags: 1, witnessPending: true }),
      'in-doubt',
    ],
    [
      'a simple Query whose write failed is rolled back, whatever it says',
      evidence("INSERT INTO t VALUES (1); COMMIT; SELECT pg_logical_slot_get_changes('s')", {
        unsent: true,
      }),
      'rolled-back',
    ],
    ['a COMMIT whose write failed is rolled back', commit({ unsent: true }), 'rolled-back'],
    [
      'a write whose Sync could not be written is rolled back',
      evidence(insert, { unsent: true, simple: false, tag: 'INSERT 0 1', tags: 1 }),
      'rolled-back',
    ],
    [
      'a COMMIT whose Sync could not be written may have been executed',
      commit({ unsent: true, simple: false }),
      'in-doubt',
    ],
    [
      'a procedure whose Sync could not be written may have committed',
      evidence('CALL p(1)', { unsent: true, simple: false }),
      'in-doubt',
    ],
    [
      'an effect outside the transaction needs no Sync',
      evidence("SELECT setval('s', 1)", { unsent: true, simple: false }),
      'in-doubt',
    ],
    ['a BEGIN without an answer has opened nothing that lasts', evidence('BEGIN'), 'rolled-back'],
    [
      'a SET without an answer has set nothing that lasts',
      evidence("SET a.b = 'c'; SET d.e = 'f'"),
      'rolled-back',
    ],
    [
      'a batch that ends in COMMIT may have committed what stood before it',
      evidence("SET a.b = 'c'; COMMIT"),
      'in-doubt',
    ],
    [
      'a read without an answer may have written by what it reads',
      evidence('SELECT a FROM v'),
      'in-doubt',
    ],
    [
      'a read that consumes a slot is in doubt even after a genuine end',
      evidence("SELECT * FROM pg_logical_slot_get_changes('s', NULL, NULL)", { error: fatal }),
      'in-doubt',
    ],
    [
      'a setval in a transaction is in doubt, since no rollback undoes it',
      evidence("SELECT setval('s', 10)", { status: 'T', error: fatal }),
      'in-doubt',
    ],
    ['a SET without an answer leaves nothing', evidence("SET a.b = '1'"), 'rolled-back'],
    [
      'a WITH HOLD cursor executes its query',
      evidence('DECLARE c CURSOR WITH HOLD FOR SELECT * FROM v'),
      'in-doubt',
    ],
    [
      'a read that calls an unknown function is in doubt',
      evidence('SELECT f(a) FROM t'),
      'in-doubt',
    ],
    [
      'a write whose Sync is held is rolled back, whatever happened',
      evidence(insert, { syncHeld: true, tag: 'INSERT 0 1', tags: 1 }),
      'rolled-back',
    ],
    [
      'a COMMIT whose Sync is held was never sent',
      evidence('COMMIT', { syncHeld: true, status: 'T' }),
      'rolled-back',
    ],
    [
      'CALL that failed is in doubt: it may have committed inside',
      evidence('CALL p()', { error: fatal }),
      'in-doubt',
    ],
    [
      'DO that failed is in doubt',
      evidence('DO $$ BEGIN COMMIT; END $$', { error: fatal }),
      'in-doubt',
    ],
    [
      'CALL in an open transaction cannot have committed',
      evidence('CALL p()', { error: fatal, status: 'T' }),
      'rolled-back',
    ],
    ['VACUUM that failed is in doubt', evidence('VACUUM t', { error: fatal }), 'in-doubt'],
    [
      'CREATE INDEX CONCURRENTLY that failed is in doubt',
      evidence('CREATE INDEX CONCURRENTLY i ON t (a)', { error: fatal }),
      'in-doubt',
    ],
    [
      'CREATE INDEX that failed is rolled back',
      evidence('CREATE INDEX i ON t (a)', { error: fatal }),
      'rolled-back',
    ],
    [
      'an acknowledged COMMIT is committed, whatever follows',
      evidence('COMMIT', { status: 'T', tag: 'COMMIT', tags: 1, error: fatal }),
      'committed',
    ],
    [
      'COMMIT answered by ROLLBACK is rolled back',
      evidence('COMMIT', { status: 'T', tag: 'ROLLBACK', tags: 1 }),
      'rolled-back',
    ],
    [
      'COMMIT that failed before its tag is rolled back',
      evidence('COMMIT', { status: 'T', error: fatal }),
      'rolled-back',
    ],
    [
      'COMMIT that ended in an error of the disk may be found after the crash',
      commit({ error: panic }),
      'in-doubt',
    ],
    [
      'an autocommit write by a simple Query that ended so is in doubt',
      evidence(insert, { error: panic }),
      'in-doubt',
    ],
    [
      'one by the extended protocol commits behind its tag: failed before it, it is rolled back',
      evidence(insert, { error: panic, simple: false }),
      'rolled-back',
    ],
    [
      'one that failed so behind its tag is in doubt',
      evidence(insert, { error: panic, simple: false, tag: 'INSERT 0 1', tags: 1 }),
      'in-doubt',
    ],
    [
      'a batch that ended so is in doubt',
      evidence(`${insert}; ${insert}`, { error: panic, tag: 'INSERT 0 1', tags: 1 }),
      'in-doubt',
    ],
    [
      'a write in an open transaction that ended so is rolled back',
      evidence(insert, { status: 'T', error: panic }),
      'rolled-back',
    ],
    ['COMMIT without an answer is in doubt', evidence('COMMIT', { status: 'T' }), 'in-doubt'],
    ['END without an answer is in doubt', evidence('END', { status: 'T' }), 'in-doubt'],
    [
      'COMMIT of a failed transaction can only have rolled back',
      evidence('COMMIT', { status: 'E' }),
      'rolled-back',
    ],
    [
      'PREPARE TRANSACTION without an answer is in doubt',
      evidence("PREPARE TRANSACTION 'x'", { status: 'T' }),
      'in-doubt',
    ],
    [
      'COMMIT PREPARED without an answer is in doubt',
      evidence("COMMIT PREPARED 'x'", { error: fatal }),
      'in-doubt',
    ],
    [
      'ROLLBACK without an answer has rolled back',
      evidence('ROLLBACK', { status: 'T' }),
      'rolled-back',
    ],
    [
      'a write in an open transaction is rolled back, whatever happened',
      evidence(insert, { status: 'T', tag: 'INSERT 0 1', tags: 1 }),
      'rolled-back',
    ],
    [
      'a batch with COMMIT in an open transaction is in doubt',
      evidence(`${insert}; COMMIT`, { status: 'T', error: fatal }),
      'in-doubt',
    ],
    [
      'a batch without control that failed is rolled back',
      evidence(`${insert}; ${insert}`, { error: fatal, tag: 'INSERT 0 1', tags: 1 }),
      'rolled-back',
    ],
    [
      'a batch that failed after its last tag is in doubt',
      evidence(`${insert}; ${insert}`, { error: fatal, tag: 'INSERT 0 1', tags: 2 }),
      'in-doubt',
    ],
    [
      'a batch with its own transaction is in doubt',
      evidence(`BEGIN; ${insert}; COMMIT`, { error: fatal }),
      'in-doubt',
    ],
    [
      "a pooler's error without file and routine proves nothing",
      evidence(insert, { error: pooler }),
      'in-doubt',
    ],
    [
      "the backend's code without file and routine proves nothing",
      evidence(insert, { error: { code: '57P01', severity: 'FATAL' } }),
      'in-doubt',
    ],
    [
      'a write given up in the wait for its standby may be lost by a failover',
      evidence(insert, {
        notice: { code: '57P01', file: 'syncrep.c', routine: 'SyncRepWaitForLSN' },
      }),
      'in-doubt',
    ],
    [
      'a COMMIT given up in the wait for its standby may be lost by a failover',
      evidence('COMMIT', {
        status: 'T',
        notice: { code: '57P01', file: 'syncrep.c', routine: 'SyncRepWaitForLSN' },
      }),
      'in-doubt',
    ],
    [
      'a batch given up in the wait for its standby is in doubt',
      evidence(`BEGIN; ${insert}; COMMIT`, {
        notice: { code: '57P01', file: 'syncrep.c', routine: 'SyncRepWaitForLSN' },
      }),
      'in-doubt',
    ],
    [
      'a COMMIT given up in the wait for its standby is not undone by what its backend says later',
      commit({
        notice: { code: '57P01', file: 'syncrep.c', routine: 'SyncRepWaitForLSN' },
        error: fatal,
      }),
      'in-doubt',
    ],
    [
      'nor is a write',
      evidence(insert, {
        notice: { code: '57P01', file: 'syncrep.c', routine: 'SyncRepWaitForLSN' },
        error: fatal,
      }),
      'in-doubt',
    ],
    [
      'nor is a batch',
      evidence(`${insert}; ${insert}`, {
        notice: { code: '57P01', file: 'syncrep.c', routine: 'SyncRepWaitForLSN' },
        error: fatal,
        tag: 'INSERT 0 1',
        tags: 1,
      }),
      'in-doubt',
    ],
    [
      'an immediate stop leaves a COMMIT in doubt',
      evidence('COMMIT', {
        status: 'T',
        notice: { code: '57P01', file: 'postgres.c', routine: 'quickdie' },
      }),
      'in-doubt',
    ],
    [
      'the crash of another backend leaves a write in doubt',
      evidence(insert, { notice: { code: '57P02', file: 'postgres.c', routine: 'quickdie' } }),
      'in-doubt',
    ],
    [
      'a procedure commits inside whether or not its Sync is held',
      evidence('CALL p()', { syncHeld: true }),
      'in-doubt',
    ],
    [
      'a PREPARE TRANSACTION whose Sync is held was never sent',
      evidence("PREPARE TRANSACTION 'x'", { syncHeld: true, status: 'T' }),
      'rolled-back',
    ],
    [
      'a batch that ends a failed transaction may have committed what stood behind',
      evidence(`COMMIT; ${insert}`, { status: 'E' }),
      'in-doubt',
    ],
    [
      'a batch that fails behind its last tag is in doubt, witness or not',
      evidence(`${insert}; ${insert}`, {
        error: fatal,
        tag: 'INSERT 0 1',
        tags: 2,
        witnessPending: true,
      }),
      'in-doubt',
    ],
    [
      'CALL that failed is in doubt although a witness behind it was not answered',
      evidence('CALL p()', { error: fatal, witnessPending: true }),
      'in-doubt',
    ],
    [
      'a COMMIT with a tag that it cannot have is in doubt',
      commit({ error: fatal, tag: 'SELECT 1', tags: 1, witnessPending: true }),
      'in-doubt',
    ],
    [
      'a batch that opened a transaction and ended none is rolled back, whatever was seen of it',
      evidence(`${insert}; BEGIN; ${insert}`, { tag: 'BEGIN', tags: 2 }),
      'rolled-back',
    ],
    [
      'a batch that opened a transaction and could commit besides is in doubt',
      evidence(`BEGIN; ${insert}; COMMIT PREPARED 'x'`),
      'in-doubt',
    ],
    [
      'what cannot be tokenized for sure is in doubt',
      evidence("INSERT INTO t VALUES ('a\\'); COMMIT; --')", { error: fatal }),
      'in-doubt',
    ],
  ]
  it('has no row that decides none of these', () => {
    const deciding = new Set(rows.map(([, seen]) => classify(seen).row))
    expect(decisions.map(({ row }) => row).filter((row) => !deciding.has(row))).toEqual([])
  })
  it.each(rows)('%s', (_promise, seen, outcome) => {
    expect(classify(seen).outcome).toBe(outcome)
  })
  it('names each row, apart from the others, and where PostgreSQL makes it so', () => {
    expect(new Set(decisions.map(({ row }) => row)).size).toBe(decisions.length)
    for (const { row, source } of decisions) {
      expect(row).toMatch(/^[A-Za-z ]+$/)
      expect(source).toMatch(/\S \S/)
    }
  })
  it.each([
    ['autocommit statement failed', evidence(insert, { error: fatal })],
    [
      'batch without transaction control failed',
      evidence(`${insert}; ${insert}`, { error: fatal }),
    ],
    ['failed transaction', evidence('COMMIT', { status: 'E' })],
    ['no proof', evidence(insert)],
  ])('says by which row it decided: %s', (row, seen) => {
    expect(classify(seen).row).toBe(row)
  })
})

describe('a wait for replication that was given up', () => {
  const notice = { code: '57P01', file: 'syncrep.c', routine: 'SyncRepWaitForLSN' }
  it.each([
    ['an autocommit write', evidence(insert, { notice }), true],
    ['a COMMIT', commit({ notice }), true],
    [
      'one of several statements, nobody knows which',
      evidence(`${insert}; ${insert}`, { notice }),
      false,
    ],
    ['a batch with its own transaction', evidence(`BEGIN; ${insert}; COMMIT`, { notice }), false],
    ['a procedure, which may commit more than once', evidence('CALL p()', { notice }), false],
    ['no notice at all', evidence(insert), false],
    [
      'a notice of something else',
      evidence(insert, { notice: { ...notice, routine: 'quickdie' } }),
      false,
    ],
    [
      'a notice that no backend sent',
      evidence(insert, { notice: { ...notice, file: undefined } }),
      false,
    ],
  ])('says that the work is committed locally: %s', (_of, seen, locally) => {
    expect(classify(seen).committedLocally).toBe(locally)
  })
})

describe('what proves only what became of it on this server', () => {
  const error = fatal
  it.each([
    ['a COMMIT that failed', evidence('COMMIT', { status: 'T', error }), true],
    ['a simple statement that failed', evidence(insert, { simple: true, error }), true],
    ['one whose Sync comes behind its answer', evidence(insert, { simple: false, error }), false],
    [
      'a batch that failed at its last statement',
      evidence(`${insert}; ${insert}`, { simple: true, tag: 'INSERT 0 1', tags: 1, error }),
      true,
    ],
    [
      'a batch that failed before its last statement',
      evidence(`${insert}; ${insert}`, { simple: true, error }),
      false,
    ],
    ['a statement in a transaction', evidence(insert, { status: 'T', error }), false],
    ['a ROLLBACK', evidence('ROLLBACK', { status: 'T', error }), false],
    ['what was not sent', evidence('COMMIT', { status: 'T', submitted: false }), false],
    ['a COMMIT in doubt', evidence('COMMIT', { status: 'T' }), false],
  ])('%s: %s', (_of, seen, hereOnly) => {
    expect(classify(seen).hereOnly).toBe(hereOnly)
  })
})

describe('a genuine report', () => {
  it.each([
    ['a backend says where it raised it', fatal, true],
    ['nothing', undefined, false],
    ['no file', { ...fatal, file: undefined }, false],
    ['no file of C', { ...fatal, file: 'postgres' }, false],
    ['no routine', { ...fatal, routine: undefined }, false],
    ['an empty routine', { ...fatal, routine: '' }, false],
  ])('%s', (_of, report, genuine) => {
    expect(isGenuine(report)).toBe(genuine)
  })
})

describe('the condition of a loss', () => {
  it('is the code of the frame that announced it, in any language', () => {
    const loss = classify(evidence(insert, { error: { ...fatal, severity: 'ВАЖНО' } }))
    expect(loss).toMatchObject({
      condition: 'admin_shutdown',
      sqlstate: '57P01',
      evidence: 'frame',
      announced: true,
    })
  })
  it('is the notice where there was no error', () => {
    const notice = { code: '57P02', file: 'postgres.c', routine: 'quickdie' }
    expect(classify(evidence(insert, { notice }))).toMatchObject({
      condition: 'crash_shutdown',
      announced: false,
    })
  })
  it('is a connection failure where nothing was said', () => {
    expect(classify(evidence(insert))).toMatchObject({
      condition: 'connection_failure',
      sqlstate: '08006',
      evidence: 'socket',
      announced: false,
    })
  })
  it('is not taken as announced from a frame that no backend sent', () => {
    expect(classify(evidence(insert, { error: pooler })).announced).toBe(false)
  })
})

describe('a conflict with recovery', () => {
  const conflict: Report = { code: '40001', file: 'postgres.c', routine: 'ProcessInterrupts' }
  it.each<[string, Report, boolean | undefined, boolean]>([
    ['of a standby', conflict, true, true],
    ['of a standby in its buffers', { ...conflict, code: '40P01', file: 'standby.c' }, true, true],
    ['cannot be on a primary', conflict, false, false],
    ['is not believed of a server that does not say what it is', conflict, undefined, false],
    ['is no serialization failure', { ...conflict, file: 'predicate.c' }, true, false],
    ['is no RAISE', { ...conflict, file: 'pl_exec.c', routine: 'exec_stmt_raise' }, true, false],
    ['is no deadlock', { ...conflict, code: '40P01', file: 'deadlock.c' }, true, false],
    ['is told by a server, not by a pooler', { code: '40001' }, true, false],
    ['is no cancel', { ...conflict, code: '57014' }, true, false],
  ])('%s', (_name, error, standby, expected) => {
    expect(isRecoveryConflict(error, standby)).toBe(expected)
    const seen = classify(evidence('SELECT 1', { error, standby }))
    expect(seen.condition !== 'connection_failure').toBe(expected)
    expect(seen.announced).toBe(expected)
  })
})
