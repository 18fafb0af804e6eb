import { describe, expect, it } from 'vitest'
import { adviceFor, type Reason } from '../src/loss/advice.ts'
import {
  DivergedError,
  FailedTransactionError,
  InDoubtError,
  LossError,
  RolledBackError,
  surfaced,
} from '../src/loss/errors.ts'
import { outcomes } from '../src/loss/outcome.ts'
import { type Condition, conditions, sqlstateOf } from '../src/loss/sqlstate.ts'

const loss = { condition: 'admin_shutdown', attempts: 2, reason: 'deadline' } as const
const sentence = /^([A-Z]|idle_).*\.$/s

describe('the message of a loss', () => {
  it.each([
    ['not-sent', 'connection lost (admin_shutdown): the work was not sent'],
    ['rolled-back', 'connection lost (admin_shutdown): the work was rolled back'],
    [
      'committed',
      'connection lost (admin_shutdown): the work is committed, but its result was lost',
    ],
    ['in-doubt', 'connection lost (admin_shutdown): nobody can say whether the work was committed'],
  ] as const)('says what became of the work: %s', (outcome, message) => {
    expect(surfaced({ ...loss, outcome }).message).toBe(message)
  })
  it.each(conditions)(
    'names the condition, and a connection only where one was lost: %s',
    (condition) => {
      const conflict = condition === 'serialization_failure' || condition === 'deadlock_detected'
      const what = conflict ? 'cancelled by the recovery of a standby' : 'connection lost'
      const start = `${what} (${condition}): `
      expect(surfaced({ ...loss, condition, outcome: 'rolled-back' }).message).toContain(start)
      expect(new DivergedError({ condition, attempts: 1 }).message).toBe(
        `${start}the transaction was executed again but answered differently, so it was rolled back`,
      )
    },
  )
  it('ends with what more there is to say', () => {
    const detail = 'no answer from db:5432'
    const error = surfaced({ ...loss, outcome: 'rolled-back', detail })
    expect(error.message).toBe(
      `${surfaced({ ...loss, outcome: 'rolled-back' }).message}; ${detail}`,
    )
    expect(error.advice).not.toContain(detail)
  })
  it.each([
    ['timeout', 'Query read timeout'],
    ['closed', 'Connection terminated'],
  ] as const)('is node-postgres’s own for what the application ended: %s', (reason, message) => {
    const error = surfaced({ ...loss, reason, outcome: 'rolled-back', detail: 'more' })
    expect(error.message).toBe(message)
    expect(error.advice).toBe(`${adviceFor('rolled-back', 'admin_shutdown', reason)}; more`)
  })
  it('is what node-postgres says, where that is given', () => {
    const error = surfaced({ ...loss, outcome: 'not-sent', told: 'timeout expired' })
    expect(error.message).toBe('timeout expired')
  })
})

describe('every error of ours', () => {
  const cause = new Error('the original')
  it.each([
    [
      'LossError',
      '57P01',
      (cause?: unknown) => new LossError({ ...loss, outcome: 'rolled-back', cause }),
    ],
    ['InDoubtError', '08007', (cause?: unknown) => new InDoubtError({ ...loss, cause })],
    ['DivergedError', '40001', (cause?: unknown) => new DivergedError({ ...loss, cause })],
    ['RolledBackError', '40000', (cause?: unknown) => new RolledBackError(cause)],
    ['FailedTransactionError', '25P02', (cause?: unknown) => new FailedTransactionError(cause)],
  ] as const)(
    '%s reads as one of node-postgres, and keeps its cause if it has one',
    (name, code, make) => {
      expect(make(cause)).toMatchObject({ name, code, severity: 'ERROR', cause })
      expect(make().message).not.toBe('')
      expect(make().advice).toMatch(sentence)
      expect('cause' in make()).toBe(false)
    },
  )
  it('has the outcome and the reason that its class stands for', () => {
    expect(new InDoubtError(loss)).toMatchObject({ outcome: 'in-doubt', reason: 'deadline' })
    expect(new DivergedError(loss)).toMatchObject({ outcome: 'rolled-back', reason: 'diverged' })
    expect(new RolledBackError()).toMatchObject({
      outcome: 'rolled-back',
      message: 'the transaction was rolled back: COMMIT was answered by ROLLBACK',
    })
    expect(new FailedTransactionError()).toMatchObject({
      outcome: 'rolled-back',
      message: 'current transaction is aborted, commands ignored until end of transaction block',
    })
  })
  it('has the SQLSTATE of its condition where its outcome is known', () => {
    for (const condition of conditions) {
      const error = surfaced({ ...loss, condition, outcome: 'rolled-back' })
      expect(error).toMatchObject({ code: sqlstateOf(condition), condition, attempts: 2 })
    }
  })
})

/** Every reason: the compiler holds them complete. */
const reasons: Readonly<Record<Reason, true>> = {
  ...{ 'in-doubt': true, 'not-held': true, unresolved: true, elsewhere: true },
  'result-unknown': true,
  ...{ diverged: true, 'not-replayable': true, irreversible: true, 'replay-off': true },
  ...{ streamed: true, anchored: true, operator: true, repeated: true, conflict: true },
  ...{ limit: true, dropped: true, deadline: true, down: true, budget: true, timeout: true },
  ...{
    closed: true,
    aborted: true,
    unopened: true,
    refused: true,
    'in-parts': true,
    elsewhere: true,
    'left-open': true,
  },
}

/** Conditions that have something to say of their own. */
const telling: readonly Condition[] = [
  'admin_shutdown',
  'crash_shutdown',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'transaction_timeout',
  'too_many_connections',
  'cannot_connect_now',
]

describe('advice', () => {
  it('is one sentence for each reason, of its own, whatever else is known', () => {
    const all = (Object.keys(reasons) as Reason[]).map((reason) => {
      const advice = adviceFor('rolled-back', 'admin_shutdown', reason)
      expect(advice).toMatch(sentence)
      expect(adviceFor('not-sent', undefined, reason)).toBe(advice)
      expect(adviceFor('in-doubt', undefined, reason)).toContain(advice)
      return advice
    })
    expect(new Set(all).size).toBe(all.length)
    expect(all).not.toContain(adviceFor('rolled-back', 'admin_shutdown'))
  })
  it('never says of work in doubt to do it again without a look at what is there', () => {
    for (const reason of Object.keys(reasons) as Reason[]) {
      expect(adviceFor('in-doubt', 'admin_shutdown', reason)).toMatch(/^[^.]*\blook up\b/i)
    }
  })
  it('follows the condition where nothing was kept and no reason is known', () => {
    const plain = adviceFor('rolled-back', undefined)
    for (const condition of conditions) {
      const advice = adviceFor('rolled-back', condition)
      expect(advice).toMatch(sentence)
      expect(advice !== plain).toBe(telling.includes(condition))
    }
    expect(new Set(telling.map((each) => adviceFor('not-sent', each))).size).toBe(telling.length)
  })
  it.each(['in-doubt', 'committed'] as const)(
    'says first of all not to repeat what is %s, whatever ended it',
    (outcome) => {
      for (const condition of conditions) {
        expect(adviceFor(outcome, condition)).toBe(adviceFor(outcome, undefined))
      }
    },
  )
  it('is another for each outcome', () => {
    const all = outcomes.map((outcome) => adviceFor(outcome, undefined))
    for (const advice of all) expect(advice).toMatch(sentence)
    expect(new Set(all).size).toBe(outcomes.length)
    expect(adviceFor('in-doubt', undefined)).toMatch(/before doing it again/)
    expect(adviceFor('committed', undefined)).toMatch(/do not repeat/)
  })
})
