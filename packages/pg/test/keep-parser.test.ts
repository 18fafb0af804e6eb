import { expect, it, vi } from 'vitest'
import { loadParser } from '../src/keep/parser.ts'

vi.mock('pgsql-parser', () => {
  throw new Error('it cannot be found')
})

it('without the parser there is none, and no error', async () => {
  expect(await loadParser()).toBeUndefined()
})
