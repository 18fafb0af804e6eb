import type pg from 'pg'
import { describe, expect, it, vi } from 'vitest'
import { errorResponse, readyForQuery, until } from '../../../test/kit/index.ts'
import { Backend, behind, type Fault, instead, terminated } from './backend.ts'
import { failure, listen, poolOn } from './support.ts'

vi.setConfig({ testTimeout: 20_000 })

const insert = 'INSERT INTO t VALUES (1)'

/** The server answers the statement, but will not have the witness: all of it is undone. */
function refused(code: string): Fault {
  return async (peer, polite) => {
    const tag = polite.findIndex((frame) => frame[0] === 67)
    const error = errorResponse({
      S: 'ERROR',
      V: 'ERROR',
      C: code,
      M: 'no',
      F: 'aclchk.c',
      L: '1',
      R: 'aclcheck_error',
    })
    await peer.send(...polite.slice(0, tag + 1), error)
    await peer.readUntilSync()
    await peer.send(readyForQuery('I'))
    await peer.hang()
  }
}

describe('a witness that the server refuses', () => {
  it.each(['42501', '42883', '0A000', '55000'])(
    '(%s) costs one try and one advice, and is not sent again',
    async (code) => {
      await using backend = await Backend.start([{ [insert]: refused(code) }])
      using advice = listen('reprise:advice')
      const pool = poolOn(backend.url)
      const client = await pool.connect()
      expect((await client.query(insert)).rowCount).toBe(1)
      expect(backend.sent(insert)).toBe(2)
      expect((await client.query(insert)).rowCount).toBe(1)
      expect(backend.sent(insert)).toBe(3)
      expect(advice.seen).toHaveLength(1)
      client.release()
      await pool.end()
    },
  )
  it('with a statement that itself is refused is not blamed', async () => {
    const wrong: Fault = async (peer) => {
      await peer.send(
        errorResponse({
          S: 'ERROR',
          V: 'ERROR',
          C: '42501',
          M: 'no',
          F: 'aclchk.c',
          L: '1',
          R: 'aclcheck_error',
        }),
      )
      await peer.readUntilSync()
      await peer.send(readyForQuery('I'))
      await peer.hang()
    }
    await using backend = await Backend.start([{ [insert]: wrong }])
    using advice = listen('reprise:advice')
    const pool = poolOn(backend.url)
    expect(await failure(pool.query(insert))).toMatchObject({ code: '42501', name: 'error' })
    expect(backend.sent(insert)).toBe(1)
    expect(advice.seen).toHaveLength(0)
    await pool.end()
  })
})

describe('a prepared statement that is called by its name alone', () => {
  const text = 'INSERT INTO t VALUES ($1)'
  const prepared = { name: 'w', text, values: [1] }
  // Its text is known to the client, though its type wants it.
  const call = { name: 'w', values: [2] } as unknown as pg.QueryConfig
  const gone: Fault = (peer) => peer.end()

  it('is judged by its text: as a write without an answer it is in doubt', async () => {
    await using backend = await Backend.start([{ w: gone }])
    const pool = poolOn(backend.url, { witness: 'off' })
    const client = await pool.connect()
    await client.query(prepared)
    expect(await failure(client.query(call))).toMatchObject({ outcome: 'in-doubt' })
    client.release()
    await pool.end()
  })
  it('is prepared again on a new connection', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': behind(terminated) }])
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query(prepared)
    await client.query('SELECT 1')
    expect((await client.query(call)).command).toBe('INSERT')
    expect(backend.lives).toEqual([[text, 'SELECT 1'], [text]])
    client.release()
    await pool.end()
  })
})

describe('a runaway query', () => {
  it('that somebody ended is not run again while the server stays up', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': instead(terminated) }], {
      restarted: false,
    })
    const pool = poolOn(backend.url, { operatorAfter: 0 })
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({
      code: '57P01',
      reason: 'operator',
      outcome: 'rolled-back',
    })
    expect(backend.sent('SELECT 1')).toBe(1)
    await pool.end()
  })
  it('is run again when the server itself went down', async () => {
    await using backend = await Backend.start([{ 'SELECT 1': instead(terminated) }], {
      restarted: true,
    })
    const pool = poolOn(backend.url, { operatorAfter: 0 })
    expect((await pool.query('SELECT 1')).rowCount).toBe(1)
    await pool.end()
  })
})

describe('what was never sent', () => {
  it('because the backend ended before, is sent once', async () => {
    let goOn = (): void => undefined
    const late: Fault = async (peer, polite) => {
      await peer.send(...polite)
      await new Promise<void>((resolve) => {
        goOn = resolve
      })
      await peer.send(terminated)
    }
    await using backend = await Backend.start([{ 'RESET work_mem': late }])
    using lost = listen('reprise:loss')
    const pool = poolOn(backend.url)
    const client = await pool.connect()
    await client.query('RESET work_mem')
    goOn()
    const { id } = client as unknown as { readonly id: number }
    const ours = () => lost.seen.filter(({ session }) => session === id)
    await until(() => ours().length > 0)
    expect(ours()).toMatchObject([{ condition: 'admin_shutdown', idle: true, outcome: 'not-sent' }])
    expect((await client.query(insert)).rowCount).toBe(1)
    expect(backend.lives).toEqual([['RESET work_mem'], [insert]])
    client.release()
    await pool.end()
  })
  it('survives a server that ends every connection after a statement', async () => {
    const ends: Fault = (peer, polite) => peer.send(...polite, terminated)
    await using backend = await Backend.start(
      Array.from({ length: 30 }, () => ({ [insert]: ends, [`${insert} Sync`]: ends })),
    )
    const pool = poolOn(backend.url)
    expect(await failure(pool.query(insert))).toMatchObject({
      reason: 'repeated',
      outcome: 'rolled-back',
    })
    await pool.end()
  })
})
