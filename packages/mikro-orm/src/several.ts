import { EntitySchema } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import { inParts } from '@reprise/core'

/** Calls of an entity manager that write at once, without a transaction of their own. */
const names = ['insert', 'insertMany', 'nativeUpdate', 'upsert', 'upsertMany', 'clone'] as const

/** Those of them that are one statement where nothing has to be put into a pivot table. */
const single: ReadonlySet<string> = new Set(['insert', 'insertMany', 'nativeUpdate'])

type Name = (typeof names)[number]

type Call = (this: EntityManager, ...parameters: unknown[]) => Promise<unknown>

/** What is looked at of an entity's metadata, which MikroORM 6 and 7 type differently. */
interface Meta {
  readonly relations: readonly { readonly kind: string }[]
}

/**
 * Has those calls that may send several statements, in batches or for pivot tables, tell the
 * outcome of all of them.
 *
 * @param own makes MikroORM's own error of one that was thrown
 */
export function tellTheWhole(
  prototype: EntityManager,
  own: (em: EntityManager, error: unknown) => unknown,
): void {
  for (const name of names) {
    const call = prototype[name] as Call | undefined
    // MikroORM 6 cannot clone.
    if (call === undefined) continue
    const whole: Call = async function (...parameters) {
      if (this.isInTransaction() || !sendsSeveral(this, name, parameters[0])) {
        return call.apply(this, parameters)
      }
      return inParts(() => call.apply(this, parameters)).catch((error) => {
        throw own(this, error)
      })
    }
    Object.defineProperty(prototype, name, { value: whole, configurable: true, writable: true })
  }
}

function sendsSeveral(em: EntityManager, name: Name, target: unknown): boolean {
  if (!single.has(name)) return true
  const [first] = Array.isArray(target) ? target : [target]
  const entity = typeof first === 'object' && !(first instanceof EntitySchema)
  try {
    const meta = em.getMetadata(entity ? first?.constructor : first) as unknown as Meta
    return meta.relations.some(({ kind }) => kind === 'm:n')
  } catch {
    return true
  }
}
