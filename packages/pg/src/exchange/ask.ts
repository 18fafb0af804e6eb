import { analyze } from '@reprise/core'
import { untimed } from '../catalog/question.ts'
import type { Connection } from '../connection/connection.ts'
import type { Inquiry } from '../connection/inquiry.ts'
import type { QueryConfig } from '../connection/wire.ts'
import type { Exchange, ExchangeClass } from './exchange.ts'

/** The connection ended, or the deadline came, while the session itself was asking something. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/**
 * Sends an exchange of the session's own and waits for its end.
 * @throws Interrupted when the connection ends first; an aborted signal ends it
 */
export function send(
  exchange: Exchange,
  connection: Connection,
  signal: AbortSignal,
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    if (signal.aborted || !connection.usable) {
      reject(new Interrupted('the connection is gone'))
      return
    }
    const abort = (): void => connection.destroy()
    signal.addEventListener('abort', abort, { once: true })
    exchange.muted = true
    exchange.owner = {
      settled: () => {
        signal.removeEventListener('abort', abort)
        if (exchange.ending === 'lost') reject(new Interrupted('the connection ended'))
        else resolve(exchange)
      },
    }
    exchange.run(connection)
  })
}

/**
 * What an answer may take, in bytes: the sources of a large database's functions, and no more than that
 * of what a hostile server sends.
 */
const mostBytes = 64 * 1024 * 1024

/**
 * As what every question of the session's own goes: nobody's books depend on it, and to read the texts of
 * the longest ones would take a process 15 ms, just when it comes back.
 */
const own = analyze('SELECT 1; SELECT 1')

/**
 * Makes an {@link Inquiry} for one connection. Of an answer that takes too much there are no rows.
 */
export function inquiry(Kind: ExchangeClass, connection: Connection, signal: AbortSignal): Inquiry {
  return async (question, values) => {
    const text = connection.reported.timesTransactions ? untimed(question) : question
    const config: QueryConfig = values === undefined ? { text } : { text, values }
    const exchange = new Kind(config)
    exchange.statement = own
    exchange.tapeLimit = mostBytes
    await send(exchange, connection, signal)
    return {
      rows: exchange.taped ?? [],
      code: (exchange.error ?? exchange.refusal) ? (exchange.error?.code ?? 'XX000') : undefined,
    }
  }
}
