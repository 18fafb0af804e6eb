import type { TransactionStatus } from '@reprise/core'
import { analyze } from '@reprise/core'
import { describe, expect, it } from 'vitest'
import { unreported } from '../src/connection/reported.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import {
  forgetsPrepared,
  idleEvidence,
  isAnswer,
  isDemoted,
  isUndone,
  isWitnessForgotten,
  isWitnessRefused,
} from '../src/transaction/server-errors.ts'
import {
  answerOfBroken,
  isUnheededRollback,
  mayOpen,
  onlyEnds,
} from '../src/transaction/transaction-end.ts'
import { connection, exchange, report, server } from './answers.ts'

describe('the prepared witness', () => {
  it.each([
    ['DISCARD ALL', true],
    ['DEALLOCATE ALL', true],
    ['SELECT 1; DEALLOCATE ALL', true],
    ['DEALLOCATE p', false],
    ['DISCARD TEMP', false],
    ['RESET ALL', false],
    ['UNLISTEN *', false],
    ['CLOSE ALL', false],
    ['PREPARE p AS SELECT 1', false],
    ['SELECT 1', false],
  ])('is dropped by %s: %s', (text, dropped) => {
    expect(forgetsPrepared(exchange(text))).toBe(dropped)
  })
  it.each<[string, Partial<Exchange>, boolean]>([
    ['a 26000 that answered it', { ownFailed: true, error: report('26000') }, true],
    ['a 26000 of the statement', { ownFailed: false, error: report('26000') }, false],
    ['another error that answered it', { ownFailed: true, error: report('42501') }, false],
    ['no error', { ownFailed: true }, false],
  ])('was gone, says %s', (_name, how, gone) => {
    expect(isWitnessForgotten(exchange('INSERT INTO t VALUES (1)', how))).toBe(gone)
  })
})

describe('an error', () => {
  it.each([
    ['of a statement', report('23505'), true],
    ['that ends its connection', report('57P01'), false],
    ['of a connection', report('08006'), false],
    ['of a pooler', report('23505', { file: undefined, routine: undefined }), false],
    ['that is none', undefined, false],
    ['without a code', report(undefined as never), true],
  ])('%s is its answer whatever became of the connection: %s', (_name, error, answers) => {
    const failed = exchange('SELECT 1', { error, submitted: true, before: 'T' })
    expect(isAnswer(failed, connection())).toBe(answers)
  })
  it.each([
    ['SELECT 1', undefined, false],
    ['SELECT $1', [1], true],
    ['INSERT INTO t VALUES (1); SELECT 1', undefined, false],
    ['BEGIN', undefined, true],
    ["SELECT setval('s', $1)", [1], false],
  ])(
    'of %s with %j outside a transaction is its answer only where it cannot come from its commit: %s',
    (text, values, answers) => {
      const error = report('58030')
      const failed = exchange(text, { error, submitted: true, ...(values && { values }) })
      expect(isAnswer(failed, connection())).toBe(answers)
    },
  )
  const token = { table: 't', id: '1' }
  it.each<[string, Partial<Exchange>, boolean]>([
    ['42501 of what the session asked', { ownFailed: true, error: report('42501') }, true],
    ['0A000 of what the session asked', { ownFailed: true, error: report('0A000') }, true],
    ['55000 of what the session asked', { ownFailed: true, error: report('55000') }, true],
    ['XX000 of what the session asked', { ownFailed: true, error: report('XX000') }, true],
    ['23505 of what the session asked', { ownFailed: true, error: report('23505') }, false],
    ['22P42 of what the session asked', { ownFailed: true, error: report('22P42') }, false],
    ['nothing of what the session asked', { ownFailed: true }, false],
    ['42501 of the statement', { ownFailed: false, error: report('42501') }, false],
    ['42P01 of a token', { ownFailed: true, error: report('42P01'), token }, false],
    [
      '42501 of who it is, beside a token',
      { ownFailed: true, error: report('42501'), token, identify: true },
      true,
    ],
    [
      '42P01 of a token, who it is being known',
      {
        ownFailed: true,
        error: report('42P01'),
        token,
        identify: true,
        backend: { pid: 1, began: '', incarnation: server },
      },
      false,
    ],
  ])('%s refuses the witness: %s', (_name, how, refused) => {
    expect(isWitnessRefused(exchange('INSERT INTO t VALUES (1)', how), connection())).toBe(refused)
  })
  it.each<[string, Partial<Exchange>, { standby?: boolean | undefined; wrote?: boolean }, boolean]>(
    [
      ['INSERT INTO t VALUES (1)', {}, {}, true],
      ['INSERT INTO t VALUES (1)', { before: 'T' }, {}, true],
      ['INSERT INTO t VALUES (1)', {}, { wrote: false }, false],
      ['INSERT INTO t VALUES (1)', {}, { standby: false }, false],
      ['INSERT INTO t VALUES (1)', {}, { standby: undefined }, false],
      ['INSERT INTO t VALUES (1)', { error: report('25001') }, {}, false],
      ['INSERT INTO t VALUES (1)', { error: undefined }, {}, false],
      ['INSERT INTO t VALUES (1)', { tags: 1 }, {}, false],
      ['CALL p()', {}, {}, false],
      ['CALL p()', { before: 'T' }, {}, true],
      ['INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)', {}, {}, false],
      ['INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)', { before: 'T' }, {}, true],
      ['COMMIT; INSERT INTO t VALUES (1)', { before: 'T' }, {}, false],
    ],
  )('25006 of %s, %o on a standby, %o: it may have been demoted: %s', (text, how, at, demoted) => {
    const { standby, wrote } = { standby: true, wrote: true, ...at }
    const refused = exchange(text, { error: report('25006'), before: 'I', tags: 0, ...how })
    expect(isDemoted(refused, connection({ reported: { ...unreported(), standby } }), wrote)).toBe(
      demoted,
    )
  })
  it.each([
    ['rolled-back', true],
    ['not-sent', true],
    ['committed', false],
    ['in-doubt', false],
    [undefined, false],
  ])('with the outcome %s says that nothing was kept: %s', (outcome, undone) => {
    expect(isUndone(Object.assign(new Error('x'), { outcome }))).toBe(undone)
  })
})

it('the end of an idle connection is told by its last words, notice and socket', () => {
  const [lastWords, lastNotice] = [report('57P01'), report('57P02')]
  const ended = connection({ status: 'T', lastWords, lastNotice, socketCode: 'EOF' })
  expect(idleEvidence(ended)).toEqual({
    submitted: false,
    syncHeld: false,
    witnessPending: false,
    unsent: false,
    simple: false,
    status: 'T',
    statement: analyze(''),
    tag: undefined,
    tags: 0,
    error: lastWords,
    notice: lastNotice,
    standby: false,
    socket: 'EOF',
  })
})

describe('the end of a transaction', () => {
  it.each<[string, TransactionStatus, string, boolean]>([
    ['COMMIT', 'T', 'ROLLBACK', true],
    ['COMMIT', 'E', 'ROLLBACK', true],
    ['COMMIT', 'I', 'ROLLBACK', false],
    ['COMMIT', 'T', 'COMMIT', false],
    ['ROLLBACK', 'T', 'ROLLBACK', false],
  ])('%s, met by %s and answered by %s, was not heeded: %s', (text, before, tag, unheeded) => {
    expect(isUnheededRollback(exchange(text, { before, tag }))).toBe(unheeded)
  })
  it.each([
    ['COMMIT', true],
    ['END', true],
    ['ROLLBACK', true],
    ["PREPARE TRANSACTION 'x'", true],
    ['COMMIT AND CHAIN', false],
    ['ROLLBACK TO s', false],
    ['BEGIN', false],
    ['COMMIT; SELECT 1', false],
    ["COMMIT /* '\\' */ '", false],
    ['SELECT 1', false],
    ['', false],
  ])('is %s and nothing else: %s', (text, ends) => {
    expect(onlyEnds(analyze(text))).toBe(ends)
  })
  it.each([
    ['BEGIN', true],
    ['START TRANSACTION', true],
    ['SELECT 1; BEGIN', true],
    ['COMMIT AND CHAIN', true],
    ["SELECT '\\'", true],
    ['VACUUM', true],
    ['COMMIT', false],
    ['SELECT 1', false],
    ['CALL p()', false],
    ['ANALYZE', false],
    ['', false],
  ])('%s may leave one open behind it: %s', (text, opens) => {
    expect(mayOpen(analyze(text))).toBe(opens)
  })
  it('that is lost is a success by ROLLBACK alone, and everything else is refused', () => {
    const broken = new Error('lost')
    expect(answerOfBroken(analyze('ROLLBACK'), broken)).toBe(undefined)
    for (const text of ['COMMIT', "PREPARE TRANSACTION 'x'"]) {
      expect(answerOfBroken(analyze(text), broken)).toMatchObject({ code: '40000', cause: broken })
    }
    for (const text of ['SELECT 1', 'BEGIN', 'ROLLBACK AND CHAIN', 'ROLLBACK; SELECT 1']) {
      expect(answerOfBroken(analyze(text), broken)).toMatchObject({ code: '25P02', cause: broken })
    }
  })
})
