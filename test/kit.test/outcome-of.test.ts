import { expect, test } from 'vitest'
import { outcomeOf } from '../kit/index.ts'

test.each([
  ['own', { outcome: 'not-sent' }, 'not-sent'],
  ['cause', { cause: { cause: { outcome: 'in-doubt' } } }, 'in-doubt'],
  ['TypeORM', { driverError: { outcome: 'rolled-back' } }, 'rolled-back'],
  ['originalError', { originalError: { outcome: 'committed' } }, 'committed'],
  ['Prisma', { meta: { driverAdapterError: { cause: { outcome: 'in-doubt' } } } }, 'in-doubt'],
  ['meta', { meta: { outcome: 'in-doubt' } }, 'in-doubt'],
  ['nearest', { outcome: 'in-doubt', cause: { outcome: 'committed' } }, 'in-doubt'],
  ['several', new AggregateError([1, { outcome: 'committed' }]), 'committed'],
  ['none', new Error('x'), undefined],
  ['unknown word', { outcome: 'fine', cause: 'text' }, undefined],
  ['no error', undefined, undefined],
])('the outcome in an error: %s', (_, error, outcome) => {
  expect(outcomeOf(error)).toBe(outcome)
})

test('an error that wraps itself', () => {
  const error: { cause?: unknown } = {}
  error.cause = { driverError: error }
  expect(outcomeOf(error)).toBeUndefined()
})
