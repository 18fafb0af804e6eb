import type { ForkOptions, TransactionOptions } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import { Budget, currentUnit, inParts, isRerunnable, rerun, type Settings } from '@reprise/core'
import { canIsolate, holdsNothing, isolated } from './isolation.ts'
import { lossIn } from './losses.ts'
import { Memory } from './memory.ts'
import { tellTheWhole } from './several.ts'

const cleared = 'Before this EntityManager is used again'
const notRerun =
  'The callback is rerunnable, but only a cleared EntityManager runs one again (clear: true, or a new fork). Before this one is used again'

const openers = new Set<TransactionOptions['propagation']>([undefined, 'nested', 'required'])

/**
 * Keeps entity managers honest: none goes on with memory that a loss has made untrue, and a callback
 * declared rerunnable() is run again where no memory of its first run remains.
 */
export class Guard {
  readonly #settings: Settings
  readonly #budget: Budget
  readonly #memory: Memory = new Memory()
  readonly #prototypes: Map<object, object> = new Map()
  /** Forks whose transactional() opens no transaction. */
  readonly #plain: WeakSet<EntityManager> = new WeakSet()

  constructor(settings: Settings) {
    this.#settings = settings
    this.#budget = new Budget(settings.budget)
  }

  /** Guards an entity manager in place: its class, by which containers know it, stays what it is. */
  protect<E extends EntityManager>(em: E): E {
    const bare = Object.getPrototypeOf(em) as object
    let guarded = this.#prototypes.get(bare)
    if (guarded === undefined) {
      guarded = this.#prototypeOver(em.constructor as typeof EntityManager)
      this.#prototypes.set(bare, guarded)
    }
    return Object.setPrototypeOf(em, guarded)
  }

  #prototypeOver(Base: typeof EntityManager): object {
    const guard = this
    const memory = this.#memory

    class Guarded extends Base {
      override fork(options: ForkOptions = {}): this {
        const fork = super.fork(options)
        const em = options.disableContextResolution ? this : this.getContext(false)
        if (options.clear === false) memory.inherit(fork, em)
        if (options.disableTransactions ?? guard.#opensNone(this)) guard.#plain.add(fork)
        return guard.protect(fork)
      }

      override clear(): void {
        super.clear()
        memory.cleared(this.getContext(false))
      }

      override async flush(): Promise<void> {
        const em = this.getContext(false)
        memory.check(em)
        // Its hooks and subscribers may write elsewhere.
        await inParts(() => super.flush()).catch((error) => {
          throw memory.lost(em, error, cleared)
        })
      }

      override async begin(options?: Parameters<EntityManager['begin']>[0]): Promise<void> {
        await super.begin(options).catch((error) => {
          throw memory.lost(this, error, undefined)
        })
      }

      override async commit(): Promise<void> {
        const em = this.getContext(false)
        await inParts(() => super.commit()).catch((error) => {
          throw memory.lost(em, error, cleared)
        })
      }

      override async rollback(): Promise<void> {
        const em = this.getContext(false)
        const loss = lossIn(em.getTransactionContext())
        await super.rollback()
        if (loss !== undefined) memory.lost(em, loss, cleared)
      }

      override async transactional<T>(
        callback: (em: this) => T | Promise<T>,
        options: TransactionOptions = {},
      ): Promise<T> {
        const em = this.getContext(false)
        const keeps = !em.global || em.config.get('allowGlobalContext')
        const clean = !keeps || holdsNothing(em)
        const owns =
          isRerunnable(callback) && currentUnit() === undefined && guard.#opens(this, em, options)
        if (!options.clear) memory.check(em)
        try {
          if (!owns || !(clean || (options.clear && canIsolate()))) {
            // A callback may write elsewhere: in a transaction of its own, or in none.
            return await inParts(() => super.transactional(callback, options))
          }
          return await guard.#rerun(callback, async (once) => {
            if (!clean) return isolated(em, once, options)
            try {
              return await super.transactional(once, { ...options })
            } catch (error) {
              if (keeps) em.getUnitOfWork(false).clear()
              throw error
            }
          })
        } catch (error) {
          throw memory.lost(em, error, keeps ? (owns && !clean ? notRerun : cleared) : undefined)
        }
      }
    }
    tellTheWhole(Guarded.prototype, (em, error) => memory.lost(em, error, undefined))
    // fork() makes its copies by it, and containers look managers up by it.
    Object.defineProperty(Guarded.prototype, 'constructor', { value: Base })
    return Guarded.prototype
  }

  #rerun<E extends EntityManager, T>(
    callback: (em: E) => T | Promise<T>,
    run: (once: (em: E) => T | Promise<T>) => Promise<T>,
  ): Promise<T> {
    return rerun(
      callback,
      (unit) =>
        run((em) => {
          // Statements that commit one by one are never run again.
          if (!em.isInTransaction()) unit.committed = true
          return callback(em)
        }),
      this.#settings,
      this.#budget,
    )
  }

  /** Whether transactional() opens a transaction of its own there. */
  #opens(called: EntityManager, em: EntityManager, { propagation }: TransactionOptions): boolean {
    if (this.#opensNone(called) || this.#opensNone(em)) return false
    if (propagation === 'requires_new') return true
    return openers.has(propagation) && !em.isInTransaction()
  }

  #opensNone(em: EntityManager): boolean {
    return this.#plain.has(em) || em.config.get('disableTransactions')
  }
}
