import { expect, test } from 'vitest'
import { withKnexSessions } from '../src/knex.ts'

/** What MikroORM 6 makes of knex's transaction(): it resolves whether BEGIN has failed or not. */
function connectionWhose(failure: Error | undefined) {
  const executionPromise = failure ? Promise.reject(failure) : new Promise(() => undefined)
  executionPromise.catch(() => undefined)
  const transaction = { isCompleted: () => failure !== undefined, executionPromise }
  const connection = { getKnexOptions: () => ({}), begin: async () => transaction }
  withKnexSessions(connection, {})
  return { connection, transaction }
}

test('a BEGIN of MikroORM 6 that was lost is told as what it is', async () => {
  const loss = Object.assign(new Error('lost'), { outcome: 'not-sent' })
  await expect(connectionWhose(loss).connection.begin()).rejects.toBe(loss)
})

test('a BEGIN of MikroORM 6 that succeeds is handed on', async () => {
  const { connection, transaction } = connectionWhose(undefined)
  expect(await connection.begin()).toBe(transaction)
})
