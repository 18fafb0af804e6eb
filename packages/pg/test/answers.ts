import { analyze, type Settings, settingsOf, type TransactionStatus } from '@reprise/core'
import pg from 'pg'
import type { Connection } from '../src/connection/connection.ts'
import type { Incarnation } from '../src/connection/incarnation.ts'
import { unreported } from '../src/connection/reported.ts'
import type { PgClientClass, ReportMessage } from '../src/connection/wire.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import { sharedBy } from '../src/exchange/shared.ts'

/** What sessions with a server share that nobody connects to. */
const shared: ReturnType<typeof sharedBy> = sharedBy(
  pg.Client as unknown as PgClientClass,
  settingsOf(),
)

/** A statement as it stands when its answer has come. */
export function exchange(text: string, how: Partial<Exchange> = {}): Exchange {
  const { values } = how
  const one = new shared.Exchange(values === undefined ? text : { text, values: [...values] })
  one.statement = analyze(text)
  one.ending = 'ready'
  one.taped = []
  return Object.assign(one, how)
}

/** An error as a backend reports it. */
export function report(code: string, how: Partial<ReportMessage> = {}): ReportMessage {
  const error = new Error('no')
  return Object.assign(error, { code, file: 'x.c', routine: 'f', severity: 'ERROR' }, how) as never
}

/** Which server it is. */
export const server: Incarnation = {
  system: '7000',
  timeline: '00000001',
  written: null,
  crash: '1.5',
  postmaster: '1000.5',
}

/** What is known of a connection. */
export function connection(how: Partial<Connection> = {}): Connection {
  return {
    status: 'I' as TransactionStatus,
    backend: { pid: 1, began: '2026-01-01T00:00:00+00:00', incarnation: server },
    identifying: true,
    reported: { ...unreported(), standby: false },
    usable: true,
    tells: true,
    client: { processID: 1 },
    ...how,
  } as unknown as Connection
}

/** The defaults, but for these. */
export function settings(how: Parameters<typeof settingsOf>[0] = {}): Settings {
  return settingsOf(how)
}
