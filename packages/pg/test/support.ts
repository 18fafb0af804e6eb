import { channel } from 'node:diagnostics_channel'
import { type Events, type RepriseOptions, reprise } from '@reprise/pg'
import pg from 'pg'
import { expect } from 'vitest'
import { Proxy, type Server, until } from '../../../test/kit/index.ts'

/** A pool of one session, quick to reconnect. */
export function poolOn(
  url: string,
  options: RepriseOptions = {},
  config: pg.PoolConfig = {},
): pg.Pool {
  return new pg.Pool({
    connectionString: url,
    max: 1,
    ...config,
    ...reprise({ backoff: { base: 1, cap: 20 }, ...options }),
  })
}

type Body<T> = (client: pg.PoolClient) => Promise<T>

/** Does something with a session on such a pool, gives it back, and ends the pool. */
export function withClient<T>(url: string, body: Body<T>, options?: RepriseOptions): Promise<T> {
  return borrow(poolOn(url, options), body, false)
}

/** The same, but the session is thrown away at once. */
export function withThrowaway<T>(url: string, body: Body<T>, options?: RepriseOptions): Promise<T> {
  return borrow(poolOn(url, options), body, true)
}

async function borrow<T>(pool: pg.Pool, body: Body<T>, destroy: boolean): Promise<T> {
  const client = await pool.connect()
  try {
    return await body(client)
  } finally {
    client.release(destroy)
    await pool.end()
  }
}

/** The process id of a client's backend, which the types of pg keep to themselves. */
export function pidOf(client: object): number {
  return (client as { readonly processID: number }).processID
}

/**
 * Of work whose connection ended just before: whether it was sent still depends on who was faster, the
 * news or the work.
 */
export const undone: unknown = expect.stringMatching(/^(not-sent|rolled-back)$/)

/** Terminates a backend, and waits until it is gone and the client has noticed. */
export async function kill(server: Server, client: object): Promise<void> {
  const pid = pidOf(client)
  const { stream } = (client as { connection: { stream: { destroyed: boolean } } }).connection
  await server.terminate(pid)
  const isGone = async (): Promise<boolean> => {
    const rows = await server.sql('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])
    return rows.length === 0
  }
  await until(isGone, { what: 'the backend to be gone' })
  await until(() => stream.destroyed, { what: 'the client to notice' })
}

/** A database behind a proxy, gone with `await using`. */
export async function proxied(
  server: Server,
): Promise<{ proxy: Proxy; url: string; direct: string } & AsyncDisposable> {
  const direct = await server.createDatabase()
  const proxy = await Proxy.start(server)
  return { proxy, direct, url: proxy.url(direct), [Symbol.asyncDispose]: () => proxy.close() }
}

/** Collects what a diagnostics channel says until it is disposed of. */
export function listen<N extends keyof Events>(
  name: N,
): { readonly seen: Events[N][] } & Disposable {
  const seen: Events[N][] = []
  const add = (message: unknown): void => {
    seen.push(message as Events[N])
  }
  const source = channel(name)
  source.subscribe(add)
  return {
    seen,
    [Symbol.dispose]: () => {
      source.unsubscribe(add)
    },
  }
}

/** What a promise was rejected with. */
export async function failure(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; outcome?: string; reason?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}
