import { Socket } from 'node:net'
import pg from 'pg'
import { expect, inject, it } from 'vitest'
import { poolOn } from './support.ts'

const url = (): string => inject('serverUrl')

it('reads what comes on many connections at once without mixing it up', async () => {
  const pool = poolOn(url(), {}, { max: 4 })
  const sizes = [1, 4000, 65_531, 65_536, 65_537, 300_000, 1_500_000]
  const asked = Array.from({ length: 40 }, (_, i) => ({
    letter: String.fromCharCode(97 + (i % 26)),
    size: sizes[i % sizes.length] as number,
  }))
  const answers = await Promise.all(
    asked.map(async ({ letter, size }) => {
      const { rows } = await pool.query('SELECT repeat($1, $2) AS it', [letter, size])
      return rows[0].it === letter.repeat(size)
    }),
  )
  await pool.end()
  expect(answers).toEqual(asked.map(() => true))
})

it('hands on pieces that stay as they are, however late they are looked at', async () => {
  const pool = poolOn(url())
  const client = await pool.connect()
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  const pieces: { piece: Buffer; seen: Buffer }[] = []
  stream.on('data', (piece: Buffer) => pieces.push({ piece, seen: Buffer.from(piece) }))
  for (const letter of 'abcdef') await client.query('SELECT repeat($1, 100000)', [letter])
  client.release()
  await pool.end()
  expect(pieces.length).toBeGreaterThan(6)
  for (const { piece, seen } of pieces) expect(piece.equals(seen)).toBe(true)
})

it('connects by a configuration that is only a text', async () => {
  const { Client } = poolOn(url()).options as unknown as { Client: typeof pg.Client }
  const client = new Client(url())
  await client.connect()
  const { rows } = await client.query('SELECT current_database() AS here')
  await client.end()
  expect(rows).toEqual([{ here: new pg.Client(url()).database }])
})

it('uses the socket that it is given', async () => {
  const made: Socket[] = []
  const stream = (): Socket => {
    const socket = new Socket()
    made.push(socket)
    return socket
  }
  const pool = poolOn(url(), {}, { stream } as pg.PoolConfig)
  const client = await pool.connect()
  const { connection } = client as unknown as { connection: { stream: unknown } }
  expect(made).toContain(connection.stream)
  client.release()
  await pool.end()
})
