import type { Configuration } from '@mikro-orm/core'
import { inParts } from '@reprise/core'

/**
 * What MikroORM's extensions have that may send several statements, by the names of both its majors: each
 * of them commits by itself, or with a part of the others.
 */
const calls: { readonly [extension: string]: readonly string[] } = {
  '@mikro-orm/schema-generator': [
    'create',
    'update',
    'drop',
    'refresh',
    'clear',
    'execute',
    'ensureDatabase',
    'createDatabase',
    'dropDatabase',
    'createSchema',
    'updateSchema',
    'dropSchema',
    'refreshDatabase',
    'clearDatabase',
  ],
  '@mikro-orm/migrator': ['up', 'down', 'rollup'],
  '@mikro-orm/seeder': ['seed', 'seedString'],
}

type Extension = Record<string, unknown>

type Call = (this: unknown, ...parameters: unknown[]) => Promise<unknown>

/**
 * Has the schema generator, the migrator and the seeder of a configuration tell the outcome of all that a
 * call of theirs sent.
 *
 * @param own makes MikroORM's own error of one that was thrown
 */
export function tellTheWholeOfExtensions(
  config: Pick<Configuration, 'getExtension'>,
  own: (error: unknown) => unknown,
): void {
  const told = new WeakSet<object>()
  const { getExtension } = config
  const get = (name: string): unknown => {
    const extension = getExtension.call(config, name) as Extension | undefined
    const names = Object.hasOwn(calls, name) ? calls[name] : undefined
    if (extension === undefined || names === undefined || told.has(extension)) return extension
    told.add(extension)
    for (const call of names) tellTheWhole(extension, call, own)
    return extension
  }
  config.getExtension = get as Configuration['getExtension']
}

function tellTheWhole(extension: Extension, name: string, own: (error: unknown) => unknown): void {
  const call = extension[name] as Call | undefined
  if (typeof call !== 'function') return
  extension[name] = async (...parameters: unknown[]) => {
    try {
      // The table of its history is no part of what a migrator is asked for.
      await (extension as { init?(): Promise<unknown> }).init?.()
      return await inParts(() => call.apply(extension, parameters))
    } catch (error) {
      throw own(error)
    }
  }
}
