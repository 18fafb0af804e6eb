import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exampleOf, runExample } from '../../../test/kit/readme.ts'

const readme = join(import.meta.dirname, '../README.md')

test('the first example of the README runs as it stands', async () => {
  const printed = await runExample(await exampleOf(readme), import.meta.filename, {})
  expect(printed).toContain("condition: 'cannot_connect_now'")
  expect(printed).toContain("outcome: 'not-sent'")
  expect(printed).toContain('done')
})

test('the second, a subscription, runs too', async () => {
  const publish = `
import { publish } from '@reprise/core'
publish('reprise:loss', { session: 7, condition: 'admin_shutdown', sqlstate: '57P01', outcome: 'rolled-back', evidence: 'frame', idle: false, inTransaction: true })
`
  const printed = await runExample((await exampleOf(readme, 1)) + publish, import.meta.filename, {})
  expect(printed).toBe('session 7: admin_shutdown, rolled-back\n')
})
