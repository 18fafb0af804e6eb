import fc from 'fast-check'
import pg from 'pg'
import { beforeAll, expect, inject, it, vi } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { withClient } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })

let url: string
beforeAll(() => {
  url = inject('serverUrl')
})

/** A value as a caller hands it over, and what he does to it afterwards. */
interface Handed {
  readonly value: unknown
  readonly scribble: () => void
}

const bytes = fc.uint8Array({ maxLength: 24 })
const kept = (value: unknown): Handed => ({ value, scribble: () => undefined })
const view = (make: (buffer: ArrayBufferLike, offset: number, length: number) => unknown) =>
  fc.tuple(bytes, fc.constantFrom(0, 8), fc.boolean()).map(([content, offset, shared]): Handed => {
    const length = Math.floor(content.length / 8) * 8
    const size = offset + length + 8
    const buffer = shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size)
    const all = new Uint8Array(buffer)
    all.set(content.subarray(0, length), offset)
    return { value: make(buffer, offset, length), scribble: () => void all.fill(255) }
  })

/** Whatever pg sends as bytes. */
const binary = fc.oneof(
  view((buffer, offset, length) => Buffer.from(buffer as ArrayBuffer, offset, length)),
  view((buffer, offset, length) => new Uint8Array(buffer, offset, length).subarray(0, length)),
  view((buffer, offset, length) => new DataView(buffer, offset, length)),
  view((buffer, offset, length) => new Float64Array(buffer, offset, length / 8)),
  view((buffer, offset, length) => new BigInt64Array(buffer, offset, length / 8)),
  view((buffer, offset, length) => new Uint16Array(buffer, offset, length / 2)),
  view((buffer, offset, length) => new Uint8ClampedArray(buffer, offset, length)),
  // An object whose toPostgres gives its own memory away.
  bytes.map((content): Handed => {
    const own = Buffer.from(content)
    return { value: { toPostgres: () => own }, scribble: () => void own.fill(255) }
  }),
)

/** Whatever pg sends as text. */
const textual = fc.oneof(
  fc
    .oneof(
      fc.string().map((text) => text.replaceAll('\0', '')),
      fc.integer(),
      fc.bigInt(),
      fc.boolean(),
      fc.constant(null),
      fc.double(),
    )
    .map(kept),
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((value): Handed => {
    const date = new Date(value)
    return { value: date, scribble: () => void date.setTime(0) }
  }),
  fc
    .array(fc.integer())
    .map((list): Handed => ({ value: list, scribble: () => void list.push(7) })),
  fc.array(binary, { maxLength: 3 }).map(
    (list): Handed => ({
      value: list.map(({ value }) => value).filter((value) => ArrayBuffer.isView(value)),
      scribble: () => list.forEach(({ scribble }) => void scribble()),
    }),
  ),
  fc.dictionary(fc.constantFrom('a', 'b'), fc.integer()).map(
    (value): Handed => ({
      value,
      scribble: () => void Object.assign(value, { a: -1, c: 0 }),
    }),
  ),
  fc.integer().map((number): Handed => {
    const value = { number, toPostgres: () => `${value.number}` }
    return { value, scribble: () => void Object.assign(value, { number: -1 }) }
  }),
  fc.integer().map((number): Handed => {
    const value = { number, toJSON: () => [value.number] }
    return { value, scribble: () => void Object.assign(value, { number: -1 }) }
  }),
  fc.integer().map((number): Handed => {
    const said = [number]
    const value = Object.assign(() => 0, { toString: () => said.join() })
    return { value, scribble: () => void said.push(-1) }
  }),
)

it('what is sent first and what is sent again are the same, whatever became of the objects', async () => {
  await withClient(url, async (client) => {
    const plain = new pg.Client({ connectionString: url })
    await plain.connect()
    await plain.query('CREATE TABLE handed (who text, at int, bytes bytea, text text)')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ bytes: binary, text: textual }), { minLength: 1, maxLength: 12 }),
        async (all) => {
          await plain.query('TRUNCATE handed')
          const insert = 'INSERT INTO handed VALUES ($1, $2, $3::bytea, $4::text)'
          for (const [at, { bytes, text }] of all.entries()) {
            await plain.query(insert, ['plain', at, bytes.value, text.value])
          }
          await client.query('BEGIN')
          const sent = all.map(({ bytes, text }, at) => {
            const sending = client.query(insert, ['session', at, bytes.value, text.value])
            bytes.scribble()
            text.scribble()
            return sending
          })
          await Promise.all(sent)
          const { processID } = client as unknown as { processID: number }
          await plain.query('SELECT pg_terminate_backend($1)', [processID])
          await until(async () => {
            const { rowCount } = await plain.query('SELECT FROM pg_stat_activity WHERE pid = $1', [
              processID,
            ])
            return rowCount === 0
          })
          await client.query('COMMIT')
          const { rows } = await plain.query(
            'SELECT a.at FROM handed a JOIN handed b USING (at, bytes) WHERE a.who < b.who AND a.text IS NOT DISTINCT FROM b.text',
          )
          expect(rows).toHaveLength(all.length)
        },
      ),
      { numRuns: 40 },
    )
    await plain.query('DROP TABLE handed')
    await plain.end()
  })
})

it.each(['verified', 'off'] as const)(
  'bytes are those that were handed over, sent at once or behind others, with replay %s',
  async (replay) => {
    const body = async (client: pg.PoolClient): Promise<void> => {
      await client.query('BEGIN')
      const bytes = Buffer.from('first')
      const text = "SELECT convert_from($1, 'utf8') AS text"
      const sent = [0, 1, 2].map((at) => {
        bytes.write(`${at}irst`)
        return client.query(text, [bytes])
      })
      bytes.fill(0)
      const rows = (await Promise.all(sent)).map((result) => result.rows[0].text)
      expect(rows).toEqual(['0irst', '1irst', '2irst'])
      await client.query('ROLLBACK')
    }
    await withClient(url, body, { replay })
  },
)
