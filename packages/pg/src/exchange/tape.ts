import type { Raw, ReportMessage } from '../connection/wire.ts'
import { isChatter, sameReport, sizeOf } from './answer.ts'
import type { Exchange } from './exchange.ts'

/** How many notices are remembered of a statement that is not taped, lest they be told twice. */
const mostHeard = 100

/** Tapes a row of the answer. Where the tape cannot hold it, nothing stays taped. */
export function tapeRow(exchange: Exchange, row: Raw[]): void {
  for (const field of row) exchange.tapedBytes += 8 + (field === null ? 0 : field.length)
  if (exchange.tapedBytes > exchange.tapeLimit) exchange.taped = undefined
  else exchange.taped?.push(row)
}

/** Tapes where one result of a text with several statements ends. */
export function tapeEnd(exchange: Exchange): void {
  if (exchange.statement.count === 1) exchange.taped = undefined
  else {
    exchange.ends ??= []
    exchange.ends.push(exchange.taped?.length ?? 0, exchange.shape?.length ?? 0)
  }
}

/**
 * Tapes a notice that came with the answer, if it belongs to it.
 * @returns whether it is for the application to hear
 */
export function tapeNotice(exchange: Exchange, notice: ReportMessage): boolean {
  if (isChatter(notice)) return !exchange.muted
  exchange.notices ??= []
  const before = exchange.heard?.[exchange.notices.length]
  if (exchange.taped !== undefined) {
    exchange.tapedBytes += sizeOf(notice)
    if (exchange.tapedBytes > exchange.tapeLimit) exchange.taped = undefined
  }
  if (exchange.taped !== undefined || exchange.notices.length < mostHeard) {
    exchange.notices.push(notice)
  }
  return !exchange.muted && (before === undefined || !sameReport(before, notice))
}
