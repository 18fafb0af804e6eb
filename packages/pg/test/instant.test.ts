import pg from 'pg'
import { expect, inject, it } from 'vitest'
import { bytesOf, instantOf } from '../src/connection/instant.ts'

const settings = [
  'SET DateStyle = SQL, DMY',
  'SET TimeZone = "Asia/Kathmandu"',
  'SET bytea_output = escape',
  'SET extra_float_digits = -15',
]
const times = [
  'now()',
  "timestamptz '1999-12-31 23:59:59.000001+00'",
  "timestamptz '1815-06-18 11:35:00.5+00'",
  "timestamptz '9999-12-31 23:59:59.999999+00'",
]

it('an instant is read to the microsecond, whatever the session is set to', async () => {
  const client = new pg.Client({ connectionString: inject('serverUrl') })
  await client.connect()
  for (const setting of settings) await client.query(setting)
  for (const time of times) {
    await client.query('BEGIN')
    const { rows } = await client.query({
      text: `SELECT ${bytesOf(time)}, extract(epoch FROM ${time})::text`,
      rowMode: 'array',
    })
    const [bytes, epoch] = rows[0] as unknown as [string, string]
    const instant = instantOf(bytes)
    const again = await client.query('SELECT extract(epoch FROM $1::timestamptz)::text AS at', [
      instant,
    ])
    expect(again.rows[0].at).toBe(epoch)
    await client.query('COMMIT')
  }
  await client.end()
})

it('what is no instant is none', () => {
  for (const bytes of [undefined, '', '7fffffffffffffff', '\\x0002ea5b3e3e6000', '0002ea5b']) {
    expect(instantOf(bytes)).toBeUndefined()
  }
})
