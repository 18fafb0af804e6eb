import { settingsOf } from '@reprise/core'
import type { RepriseOptions } from '@reprise/pg'
import {
  type AfterQueryEvent,
  DataSource,
  type EntitySubscriberInterface,
  EventSubscriber,
  type TransactionStartEvent,
} from 'typeorm'
import { asksNothing } from './hooks.ts'
import { isProtected, protect } from './protection.ts'
import { dataSourceOf, report, warn } from './report.ts'
import { checkVersion } from './version.ts'

/**
 * To be listed in the `subscribers` of a data source, as the class itself. It makes all connections
 * of that data source outlive their sockets, from `initialize()` on, and tells the data source's
 * logger what was lost and mended.
 */
export class RepriseSubscriber implements EntitySubscriberInterface {
  /** What {@link repriseSubscriber} was given. */
  static readonly options: RepriseOptions | undefined = undefined

  beforeTransactionStart(event: TransactionStartEvent): void {
    const dataSource = dataSourceOf(event)
    if (!isProtected(dataSource)) this.#comeLate(dataSource)
  }

  afterQuery(event: AfterQueryEvent): Promise<void> | undefined {
    const dataSource = dataSourceOf(event)
    if (!isProtected(dataSource)) this.#comeLate(dataSource)
    return report(event)
  }

  #comeLate(dataSource: DataSource): void {
    // An error of ours must not become one of a query that has been executed.
    try {
      protect(dataSource, (this.constructor as typeof RepriseSubscriber).options)
      warn(dataSource, late)
    } catch (error) {
      warn(dataSource, String(error))
    }
  }
}

const late =
  'Reprise protects this data source only from now on: list RepriseSubscriber in its subscribers as the class itself, with one copy of typeorm in the tree, or make its options with reprise().'

/**
 * {@link RepriseSubscriber} with options:
 *
 *     subscribers: [repriseSubscriber({ deadline: 10_000 })]
 *
 * @throws TypeError for an unknown option or one of the wrong type
 */
export function repriseSubscriber(options?: RepriseOptions): typeof RepriseSubscriber {
  checkVersion()
  settingsOf(options)
  if (options === undefined) return RepriseSubscriber
  const Configured = class RepriseSubscriber extends Plain {
    static override readonly options: RepriseOptions | undefined = options
  }
  EventSubscriber()(Configured)
  asksNothing(Configured)
  return Configured
}

const Plain = RepriseSubscriber
EventSubscriber()(RepriseSubscriber)
asksNothing(RepriseSubscriber)

/** Whether this is {@link RepriseSubscriber}, as it is or configured. */
export function isRepriseSubscriber(value: unknown): value is typeof RepriseSubscriber {
  return (
    typeof value === 'function' &&
    (value === RepriseSubscriber || Object.prototype.isPrototypeOf.call(RepriseSubscriber, value))
  )
}

/*
 * TypeORM connects before it builds its subscribers, and then builds them without a word on whose
 * they are: the class in the options is all there is to go by. This looks for it, and leaves every
 * data source alone that does not list it.
 */
const { initialize } = DataSource.prototype
DataSource.prototype.initialize = async function (this: DataSource): Promise<DataSource> {
  const listed: unknown[] = Object.values(this.options.subscribers ?? [])
  const ours = listed.find(isRepriseSubscriber)
  if (ours !== undefined) protect(this, ours.options)
  return initialize.call(this)
}
