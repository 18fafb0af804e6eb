import { diagnose, isOutcome } from '@reprise/core'
import type { AfterQueryEvent, DataSource, QueryRunner } from 'typeorm'
import { anythingHappened, type Entry, takeEntry } from './journal.ts'

/**
 * Tells the application's own logger what was lost during a query, and whether it was mended. The
 * promise is for TypeORM to wait for; nearly always there is none.
 */
export function report(event: AfterQueryEvent): Promise<void> | undefined {
  const { error } = event
  if (error !== undefined) showCause(error)
  if (!anythingHappened()) return undefined
  return tell(event)
}

async function tell(event: AfterQueryEvent): Promise<void> {
  const { queryRunner, error } = event
  // The runner has its connection, or there would have been no query.
  const entry = takeEntry(await queryRunner.connect())
  if (entry === undefined) return
  const diagnosis = diagnose(error)
  const end = diagnosis === undefined ? mended(entry) : `not mended: ${diagnosis.advice}`
  warn(dataSourceOf(event), `Reprise: ${lost(entry)}; ${end}`, queryRunner)
}

/** The data source of an event, which TypeORM 0.3 calls its connection. */
export function dataSourceOf(event: { readonly dataSource: DataSource }): DataSource {
  const { dataSource, connection } = event as { dataSource?: DataSource; connection?: DataSource }
  return dataSource ?? (connection as DataSource)
}

/** Hands a sentence to the application's logger, whose own errors must not become a query's. */
export function warn(dataSource: DataSource, sentence: string, queryRunner?: QueryRunner): void {
  try {
    dataSource.logger.log('warn', sentence, queryRunner)
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error))
  }
}

function lost({ loss, losses }: Entry): string {
  const times = losses > 1 ? `${losses} connections were` : 'a connection was'
  if (loss === undefined) return `${times} lost`
  const when = loss.idle ? 'while idle' : `in flight, outcome ${loss.outcome}`
  return `${times} lost (${loss.condition}, ${loss.sqlstate}, ${when})`
}

function mended({ replayed, away }: Entry): string {
  const again = replayed > 0 ? `, ${replayed} statements executed again and compared` : ''
  return `mended: back after ${Math.round(away)} ms${again}`
}

/**
 * TypeORM copies the enumerable properties of a driver's error into its own, and the cause of an
 * error is none.
 */
function showCause(error: unknown): void {
  if (typeof error !== 'object' || error === null) return
  if (!isOutcome((error as { outcome?: unknown }).outcome)) return
  if (Object.getOwnPropertyDescriptor(error, 'cause')?.configurable) {
    Object.defineProperty(error, 'cause', { enumerable: true })
  }
}
