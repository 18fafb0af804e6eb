import { analyze } from '@reprise/core'
import { expect, it } from 'vitest'
import { Database } from '../src/catalog/database.ts'
import type { Inquiry } from '../src/connection/inquiry.ts'
import { mayWrite } from '../src/recovery/proof.ts'
import { SessionInquiry } from '../src/transaction/session-inquiry.ts'
import { SessionState } from '../src/transaction/state.ts'
import { connection, exchange } from './answers.ts'

/** A catalog in which a function of that name sets something. */
const withSetter = (name: string): Inquiry =>
  (async (text: string) => {
    const found = text.includes('WITH builtin')
      ? [
          ['f', '{20000}', 'sql', "SELECT set_config('app.who', $1, false)"],
          ['state', null, null, '1'],
        ]
      : [['f', name, 'f']]
    return { rows: found, code: undefined }
  }) as unknown as Inquiry

it.each([
  ['as many as are kept', 500, 'f1', true],
  ['none of which reaches anything', 500, 'other', false],
  ['more than can be kept, whatever they are', 1500, 'other', true],
])(
  'statements that ran before the catalog was read are judged after a loss: %s',
  async (_how, count, name, unseen) => {
    const state = new SessionState()
    const inquiry = new SessionInquiry(state, new Database())
    for (let i = 0; i < count; i++) {
      const text = `SELECT f${i}()`
      inquiry.note({ statement: analyze(text), text, values: [] }, false, connection())
    }
    inquiry.lost()
    await inquiry.judgeLost(withSetter(name), connection())
    expect(state.anchor !== undefined).toBe(unseen)
  },
)

it('a statement whose text nobody has may write', async () => {
  const unread = Object.assign(exchange('SELECT 1'), { text: undefined })
  const writers = await new Database().writers(0, withSetter('f'), connection())
  expect(mayWrite([unread], writers)).toBe(true)
  expect(mayWrite([exchange('SELECT 1')], writers)).toBe(false)
  expect(mayWrite([exchange('SELECT 1')], undefined)).toBe(true)
})
