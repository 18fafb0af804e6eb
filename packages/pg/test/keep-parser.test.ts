import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { expect, it, vi } from 'vitest'

const advices: unknown[] = []
const heard = (event: unknown): number => advices.push(event)

it.each([
  ['the WebAssembly', '../libpg-query/index.cjs'],
  ['the deparser', 'pgsql-deparser'],
])(
  'without %s there is no parser, no error, and one advice that says what to copy',
  async (_, module) => {
    vi.resetModules()
    vi.doMock(module, () => {
      throw new Error('it cannot be found')
    })
    advices.length = 0
    subscribe('reprise:advice', heard)
    const { loadParser } = await import('../src/keep/parser.ts')
    expect(await loadParser()).toBeUndefined()
    expect(await loadParser()).toBeUndefined()
    unsubscribe('reprise:advice', heard)
    vi.doUnmock(module)
    expect(advices).toEqual([
      { advice: expect.stringMatching(/could not be loaded.*copy node_modules\/@reprise\/pg/) },
    ])
  },
)

it('what cannot be compiled is one advice, and no rejection that nobody handles', async () => {
  vi.resetModules()
  vi.doMock('../libpg-query/index.cjs', () => ({
    load: () => Promise.reject(new Error('no WebAssembly here')),
  }))
  advices.length = 0
  subscribe('reprise:advice', heard)
  const { loadParser } = await import('../src/keep/parser.ts')
  expect(await loadParser()).toBeUndefined()
  unsubscribe('reprise:advice', heard)
  vi.doUnmock('../libpg-query/index.cjs')
  expect(advices).toHaveLength(1)
})

it('what was read, or could not be, takes no memory afterwards', async () => {
  vi.resetModules()
  const { load } = await vi.importActual<typeof import('../libpg-query/index.cjs')>(
    '../libpg-query/index.cjs',
  )
  const memory = await load()
  vi.doMock('../libpg-query/index.cjs', () => ({ load: async () => memory }))
  const { loadParser } = await import('../src/keep/parser.ts')
  const parser = await loadParser()
  vi.doUnmock('../libpg-query/index.cjs')
  const given: number[] = []
  for (const name of ['_free', '_wasm_free_parse_result'] as const) {
    const back = memory[name]
    memory[name] = (pointer: number) => {
      given.push(pointer)
      back(pointer)
    }
  }
  const taken: number[] = []
  for (const name of ['_malloc', '_wasm_parse_query_raw'] as const) {
    const take = memory[name]
    memory[name] = (value: number) => {
      taken.push(take(value))
      return taken.at(-1) as number
    }
  }
  expect(parser?.read('SELECT 1')).toBeDefined()
  expect(parser?.read('no statement')).toBeUndefined()
  expect(taken).toHaveLength(4)
  expect(given).toEqual(taken)
})

it('the parser that is shipped is the libpg-query that is installed', () => {
  const installed = dirname(createRequire(import.meta.url).resolve('libpg-query'))
  const shipped = readFileSync(join(import.meta.dirname, '../libpg-query/index.cjs'), 'utf8')
  const [, packed = ''] = /^ {2}'([\w+/=]+)'$/m.exec(shipped) ?? []
  const wasm = readFileSync(join(installed, 'libpg-query.wasm'))
  expect(brotliDecompressSync(Buffer.from(packed, 'base64')).equals(wasm)).toBe(true)
  const loader = readFileSync(join(installed, 'libpg-query.js'), 'utf8').trim()
  expect(shipped).toContain(loader.replaceAll('/home', '/nobody').replaceAll('/tmp', '/nowhere'))
})
