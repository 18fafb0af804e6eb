import {
  type AnyEntity,
  ChangeSetType,
  type EntityManager as CoreEntityManager,
  TransactionManager,
  type TransactionOptions,
} from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'

interface Merging {
  mergeEntitiesToParent?(fork: CoreEntityManager, parent: CoreEntityManager): void
}

/** Whether an entity manager holds no entity and has nothing to do. */
export function holdsNothing(em: EntityManager): boolean {
  const work = em.getUnitOfWork(false)
  return (
    work.getIdentityMap().keys().length === 0 &&
    work.getPersistStack().size === 0 &&
    work.getRemoveStack().size === 0 &&
    work.getOrphanRemoveStack().size === 0
  )
}

/** Whether a run in isolation could hand over its entities, as MikroORM's own transactions do. */
export function canIsolate(): boolean {
  const { mergeEntitiesToParent } = TransactionManager.prototype as unknown as Merging
  return typeof mergeEntitiesToParent === 'function'
}

/**
 * Runs a transaction of `em` in a manager of its own, and hands over its entities once it is committed.
 * A run that fails leaves `em` as it was; MikroORM itself hands over before the COMMIT.
 */
export async function isolated<E extends EntityManager, T>(
  em: E,
  callback: (em: E) => T | Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const own = em.fork({ clear: true, cloneEventManager: true })
  const removed: AnyEntity[] = []
  own.getEventManager().registerSubscriber({
    afterFlush({ uow }) {
      for (const { type, entity } of uow.getChangeSets()) {
        if (type === ChangeSetType.DELETE || type === ChangeSetType.DELETE_EARLY)
          removed.push(entity)
      }
    },
  })
  const result = await own.transactional(callback, { ...options })
  for (const entity of removed) em.getUnitOfWork(false).unsetIdentity(entity)
  const manager = new TransactionManager(em) as unknown as Merging
  manager.mergeEntitiesToParent?.(own, em)
  return result
}
