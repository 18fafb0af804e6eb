import pg from 'pg'
import copy from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import { expect, it, vi } from 'vitest'
import {
  commandComplete,
  copyInResponse,
  errorResponse,
  readyForQuery,
} from '../../../test/kit/index.ts'
import { Backend, type Fault, instead, terminated } from './backend.ts'
import { failure, poolOn } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

const insert = 'INSERT INTO t VALUES (1)'
const tag = commandComplete('INSERT 0 1')
const wrong = errorResponse({
  S: 'ERROR',
  V: 'ERROR',
  C: '22012',
  M: 'no',
  F: 'int.c',
  L: '1',
  R: 'div',
})

/** What a query of the caller's own making ends with. */
function ending(client: pg.PoolClient, text: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const query = client.query(new pg.Query(text))
    query.on('end', resolve)
    query.on('error', reject)
  })
}

const rows: [promise: string, before: string[], text: string, fault: Fault, outcome: string][] = [
  [
    'a write that was refused by a FATAL is rolled back',
    [],
    insert,
    instead(terminated),
    'rolled-back',
  ],
  ['a write that had its tag is in doubt', [], insert, instead(tag, terminated), 'in-doubt'],
  ['a write without an answer is in doubt', [], insert, instead(), 'in-doubt'],
  [
    'an error of long ago proves nothing',
    ['SELECT 1', 'RESET nothing'],
    insert,
    instead(),
    'in-doubt',
  ],
  ['a read by functions may have written', [], 'SELECT f()', instead(), 'in-doubt'],
  ['a read may have written by what it reads', [], 'SELECT a FROM v', instead(), 'in-doubt'],
  ['a write in a transaction is rolled back', ['BEGIN'], insert, instead(), 'rolled-back'],
  [
    'a COMMIT that had its tag is committed',
    ['BEGIN', insert],
    'COMMIT',
    instead(commandComplete('COMMIT'), terminated),
    'committed',
  ],
  ['a COMMIT without an answer is in doubt', ['BEGIN', insert], 'COMMIT', instead(), 'in-doubt'],
]
it.each(rows)('%s', async (_promise, before, text, fault, outcome) => {
  const refuse: Fault = async (peer) => {
    await peer.send(wrong, readyForQuery('I'))
    const flight = await peer.readUntilSync()
    expect(flight.at(-1)?.text).toBe(text)
  }
  const faults = before.includes('RESET nothing') ? { 'RESET nothing': refuse } : { [text]: fault }
  await using backend = await Backend.start([faults])
  const pool = poolOn(backend.url)
  const client = await pool.connect()
  for (const each of before) await client.query(each).catch(() => undefined)
  expect(await failure(ending(client, text))).toMatchObject({ outcome })
  // A transaction that was told to end has ended, one way or the other.
  if (text === 'COMMIT') expect((await client.query(insert)).command).toBe('INSERT')
  await client.query('ROLLBACK')
  expect((await client.query('SELECT 2')).rows).toEqual([{ a: '1' }])
  client.release()
  await pool.end()
})

it('COPY that had its tag is in doubt, and COPY without it is not claimed undone', async () => {
  const text = 'COPY t FROM STDIN'
  for (const last of [[commandComplete('COPY 1'), terminated], []]) {
    const fault: Fault = async (peer) => {
      await peer.send(copyInResponse())
      for (let frame = await peer.read(); frame.type !== 'c'; ) frame = await peer.read()
      await peer.send(...last)
    }
    await using backend = await Backend.start([{ [text]: fault }])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    const stream = client.query(copy.from(text))
    const error = new Promise((resolve) => stream.on('error', resolve))
    stream.end('1\n')
    expect(await error).toMatchObject({ outcome: 'in-doubt' })
    client.release()
    await pool.end()
  }
})

it('a cursor that waits for its first connection in vain ends with the error', async () => {
  await using backend = await Backend.start([{ 'SELECT 1': instead() }, { '': instead() }])
  const pool = poolOn(backend.url, { deadline: 50, backoff: { base: 1000, cap: 1000 } })
  const client = await pool.connect()
  const [first, cursor] = [failure(client.query('SELECT 1')), client.query(new Cursor('SELECT 2'))]
  const reading = cursor.read(1).then(
    () => undefined,
    (error) => error,
  )
  const seen = await first.catch(() => undefined)
  const error = await reading
  for (const each of [seen, error])
    if (each !== undefined) expect(typeof each.outcome).toBe('string')
  await cursor.close()
  client.release()
  await pool.end()
})
