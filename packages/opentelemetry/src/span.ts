import { context, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import type { Events } from '@reprise/core'
import { lossOf, serverOf } from './names.ts'

/**
 * Makes the span of a recovery that is over. Its event is published in the context of whoever asked for
 * the work, so the span that was active there is the parent.
 */
export function recordSpan(tracer: Tracer, event: Events['reprise:recovery']): void {
  const { outcome, by, surfaced, code, attempts, statements, duration, idle, inTransaction } = event
  const end = Date.now()
  const attributes = {
    ...serverOf(event),
    ...lossOf(event),
    'reprise.result': surfaced === undefined ? 'mended' : 'surfaced',
    'reprise.outcome': surfaced ?? outcome,
    'reprise.attempts': attempts,
    'reprise.replayed_statements': statements,
    'reprise.idle': idle,
    'reprise.in_transaction': inTransaction,
    ...(surfaced === undefined ? { 'reprise.mended_by': by } : { 'error.type': code }),
  }
  const options = { kind: SpanKind.CLIENT, startTime: end - duration, attributes }
  const span = tracer.startSpan('reprise.recovery', options, context.active())
  if (surfaced !== undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: `connection lost: ${surfaced}` })
  }
  span.end(end)
}

/** Whether whoever asked for the work is being traced. */
export function isTraced(): boolean {
  return trace.getSpan(context.active()) !== undefined
}
