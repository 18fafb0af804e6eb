import {
  notToBeSpread,
  publish,
  type RepriseOptions,
  type Settings,
  settingsOf,
} from '@reprise/core'
import { settingsUnder } from './adapter.ts'
import { Door } from './door.ts'
import type { Operation } from './operation.ts'
import { checkVersion } from './version.ts'

/** What is touched of a PrismaClient. The underscored names are Prisma's own. */
interface Client {
  readonly _activeProvider?: string
  readonly _clientVersion?: string
  readonly _engineConfig?: { readonly adapter?: unknown }
  readonly $parent?: unknown
  readonly $transaction: Transact
  /** Not on a client that has been extended. */
  readonly $on?: Listen | undefined
  $extends(extension: object): Client
}

type Transact = (this: unknown, input: unknown, options?: unknown) => Promise<unknown>

type Listen = (this: unknown, event: unknown, listener: unknown) => unknown

/** Clients that have been extended. */
const extended = new WeakSet<object>()

const noAdapter =
  'reprise() found no repriseAdapter() under this PrismaClient: it runs again what PostgreSQL refused (40001, 40P01), but lost connections are not mended, and what became of their work is not known. Write new PrismaClient({ adapter: repriseAdapter({ connectionString }) }).'

/**
 * The extension for `client.$extends(…)`: runs `rerunnable()` transactions, batches and single
 * operations again when nothing of them was kept, and makes Prisma's errors honest.
 *
 *     new PrismaClient({ adapter: repriseAdapter({ connectionString }) }).$extends(reprise())
 *
 * @param options by default those of the adapter
 * @throws TypeError with one sentence that says what to do
 */
export function reprise(options?: RepriseOptions): <C>(client: C) => C {
  if (isClient(options)) {
    throw new TypeError('reprise is a function to be called: write $extends(reprise()).')
  }
  checkVersion('@prisma/client')
  const given = options === undefined ? undefined : settingsOf(options)
  return notToBeSpread(<C>(client: C): C => extend(client, given) as C, notForPool)
}

const notForPool =
  'This reprise is the extension of @reprise/prisma: write $extends(reprise()), and for the pool repriseAdapter({ connectionString }), or PrismaPg({ …, ...reprise() }) with reprise of @reprise/pg.'

notToBeSpread(reprise, notForPool)

function extend(client: unknown, given: Settings | undefined): unknown {
  if (!isClient(client)) {
    throw new TypeError(
      'reprise() extends a PrismaClient: write new PrismaClient({ adapter: repriseAdapter({ connectionString }) }).$extends(reprise()).',
    )
  }
  const { _activeProvider: provider, _clientVersion: version = '' } = client
  if (provider !== 'postgresql') {
    throw new TypeError(
      `Reprise mends sessions of PostgreSQL, and the provider of this PrismaClient is ${provider}: leave reprise() out of it.`,
    )
  }
  checkVersion('@prisma/client', version)
  if (isExtended(client)) {
    throw new TypeError('This PrismaClient has been extended by reprise() before: extend it once.')
  }
  const under = settingsUnder(client._engineConfig?.adapter)
  if (under === undefined) {
    publish('reprise:advice', { poolName: given?.poolName, advice: noAdapter }, given?.log)
    process.emitWarning(noAdapter, 'RepriseWarning')
  }
  const door = new Door(given ?? under ?? settingsOf(), version)
  const transact = client.$transaction
  const result = client.$extends({
    name: 'reprise',
    client: {
      // `this` is the client it is called on, so that the extensions of that client stay in place.
      $transaction(this: unknown, input: unknown, options?: unknown): Promise<unknown> {
        return door.transact(this, input, () => transact.call(this, input, options))
      },
    },
    query: {
      $allOperations: (operation: Operation) => door.perform(operation),
    },
  })
  const heard = withOn(result, client)
  extended.add(heard)
  return heard
}

function isClient(value: unknown): value is Client {
  return typeof (value as { $extends?: unknown } | null | undefined)?.$extends === 'function'
}

/**
 * Prisma takes `$on` from every client that is extended, for good, and ours is typed as it was. So it
 * stands on an object over it, and listens where there is one, under all extensions: their logs are one.
 */
function withOn(result: Client, base: Client): Client {
  for (let at: unknown = base; isClient(at); at = at.$parent) {
    const { $on } = at
    if (typeof $on === 'function') {
      const listen: Listen = function (this: unknown, event, listener) {
        $on.call(at, event, listener)
        return this
      }
      const over = Object.create(result, {
        $on: { value: listen, configurable: true, enumerable: true, writable: true },
      })
      // Applications copy what a client has, such as its models, into classes of their own.
      return new Proxy(over, {
        getPrototypeOf: () => Reflect.getPrototypeOf(result),
        ownKeys: () => Reflect.ownKeys(result),
        getOwnPropertyDescriptor: (own, key) => {
          const at = key === '$on' ? own : result
          const found = Reflect.getOwnPropertyDescriptor(at, key)
          return found && { ...found, configurable: true }
        },
      })
    }
    if (at.$parent === at) break
  }
  return result
}

function isExtended(client: Client): boolean {
  for (let at: unknown = client; isClient(at); at = at.$parent) {
    if (extended.has(at)) return true
    if (at.$parent === at) return false
  }
  return false
}
