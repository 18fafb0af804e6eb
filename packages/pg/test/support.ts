import { channel } from 'node:diagnostics_channel'
import { type Events, type RepriseOptions, reprise } from '@reprise/pg'
import pg from 'pg'
import { Proxy, type Server } from '../../../test/kit/index.ts'

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
