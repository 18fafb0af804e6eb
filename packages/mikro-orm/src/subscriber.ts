import diagnostics from 'node:diagnostics_channel'
import type { EventSubscriber, FlushEventArgs, Logger, TransactionEventArgs } from '@mikro-orm/core'
import type { Events } from '@reprise/core'

type Level = 'log' | 'warn' | 'error'
type Reports = { readonly [N in keyof Events]?: (event: Events[N]) => readonly [Level, string] }

const reports: Reports = {
  'reprise:loss': ({ session, condition, outcome, idle, inTransaction }) => {
    const where = inTransaction ? 'in a transaction' : idle ? 'while idle' : 'outside a transaction'
    return ['warn', `session ${session} lost its connection (${condition}) ${where}: ${outcome}`]
  },
  'reprise:reconnect': ({ session, attempts, duration }) => [
    'log',
    `session ${session} goes on over a new connection after ${rounded(duration)} ms, attempts: ${attempts}`,
  ],
  'reprise:waiting': ({ session, host, port, cause, left }) => [
    'warn',
    `session ${session} waits for ${host}:${port}${cause === undefined ? '' : ` (${cause})`}, ${rounded(left)} ms left`,
  ],
  'reprise:replay': ({ session, statements, diverged, duration }) =>
    diverged
      ? ['warn', `session ${session} executed its transaction again, and the answers differ`]
      : [
          'log',
          `session ${session} executed its transaction again, statements: ${statements}, ${rounded(duration)} ms`,
        ],
  'reprise:resolve': ({ session, outcome }) => [
    'log',
    `session ${session} asked the server what became of its transaction: ${outcome}`,
  ],
  'reprise:rerun': ({ attempt, condition }) => [
    'warn',
    `a rerunnable callback is run again (${condition}), run ${attempt}`,
  ],
  'reprise:surface': ({ session, condition, outcome, advice }) => [
    'error',
    `session ${session} could not mend a loss (${condition}): ${outcome}. ${advice}`,
  ],
  'reprise:advice': ({ advice }) => ['warn', advice],
}

/**
 * Reports through MikroORM's logger what was lost and mended, whatever `debug` says. What it hears are
 * the events of the whole process.
 *
 *     MikroORM.init(reprise({ …, subscribers: [RepriseSubscriber] }))
 */
export class RepriseSubscriber implements EventSubscriber {
  #logger: Logger | undefined

  constructor() {
    const self = new WeakRef(this)
    for (const name of Object.keys(reports) as (keyof Events)[]) {
      const hear = (event: unknown): void => {
        const subscriber = self.deref()
        if (subscriber === undefined) diagnostics.unsubscribe(name, hear)
        else subscriber.#report(name, event)
      }
      diagnostics.subscribe(name, hear)
    }
  }

  /** Where to report to. Without the door, the ORM's logger becomes known with its first transaction. */
  reportTo(logger: Logger): void {
    this.#logger = logger
  }

  beforeTransactionStart({ em }: TransactionEventArgs): void {
    this.#logger ??= em.config.getLogger()
  }

  beforeFlush({ em }: FlushEventArgs): void {
    this.#logger ??= em.config.getLogger()
  }

  #report(name: keyof Events, event: unknown): void {
    const [level, message] = (reports[name] as (event: unknown) => readonly [Level, string])(event)
    this.#logger?.[level]('info', `reprise: ${message}`, { enabled: true })
  }
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds)
}
