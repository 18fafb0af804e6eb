import type { RepriseOptions } from '@reprise/pg'
import {
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryCompiler,
} from 'kysely'
import type { Config } from './config.ts'
import { SessionDriver } from './driver.ts'

const adapters = new WeakSet<object>()

/** Whether an adapter is of a dialect made here: every executor shows its adapter, whoever wraps it. */
export function isSessionAdapter(adapter: object): boolean {
  return adapters.has(adapter)
}

/** Kysely's PostgresDialect with another driver. */
export class SessionDialect implements Dialect {
  /** The driver of all its Kysely instances: they share one pool. */
  readonly driver: SessionDriver

  /** @throws TypeError when the pool is none of node-postgres */
  constructor(config: Config, options: RepriseOptions | undefined) {
    this.driver = new SessionDriver(config, options)
  }

  createDriver(): Driver {
    return this.driver
  }

  createQueryCompiler(): QueryCompiler {
    return new PostgresQueryCompiler()
  }

  createAdapter(): DialectAdapter {
    const adapter = new PostgresAdapter()
    adapters.add(adapter)
    return adapter
  }

  createIntrospector(db: Parameters<Dialect['createIntrospector']>[0]): DatabaseIntrospector {
    return new PostgresIntrospector(db)
  }
}
