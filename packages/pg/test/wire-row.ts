import type pg from 'pg'
import { expect, it } from 'vitest'
import { fatal, noticeResponse } from '../../../test/kit/index.ts'
import { type Answers, Backend, type Fault } from './backend.ts'
import { failure, poolOn } from './support.ts'

export const insert = 'INSERT INTO t VALUES (1)'
export const pooler = fatal('08P01', '', {
  without: ['V', 'F', 'L', 'R'],
  message: 'server conn crashed?',
})
export const russian = fatal('57P01', 'ProcessInterrupts', { localised: 'ВАЖНО', without: ['V'] })
export const bare = fatal('57P01', '', { without: ['F', 'L', 'R'] })
/** As it is told of a commit that could not be made durable; the server goes down with it. */
export const panic = fatal('58030', 'issue_xlog_fsync', { localised: 'PANIK', file: 'xlog.c' })
export const violation = fatal('23503', 'ri_ReportViolation', {
  localised: 'ERROR',
  file: 'ri_triggers.c',
})
const notice = (code: string, file: string, routine: string): Buffer =>
  noticeResponse({
    S: 'WARNING',
    V: 'WARNING',
    C: code,
    M: 'terminating',
    F: file,
    L: '1',
    R: routine,
  })
export const replicating = notice('57P01', 'syncrep.c', 'SyncRepWaitForLSN')
export const quick = notice('57P01', 'postgres.c', 'quickdie')
export const crash = notice('57P02', 'postgres.c', 'quickdie')
export const inDoubt = { code: '08007', outcome: 'in-doubt' }

/** A row of the decision table, as the caller sees it. */
export interface Row {
  readonly promise: string
  readonly before?: readonly string[]
  readonly text: string
  readonly at?: string
  readonly fault: Fault
  readonly answers?: Partial<Answers>
  readonly exactlyOnce?: true
  /** The tag of the answer, or what its error looks like. */
  readonly gets: string | object
  readonly sent: number
}

/** Registers a test for each row. */
export function decide(rows: readonly Row[]): void {
  it.each(rows)('$text: $promise', async (row) => {
    await using backend = await Backend.start([{ [row.at ?? row.text]: row.fault }], row.answers)
    const pool = poolOn(backend.url, row.exactlyOnce ? { exactlyOnce: true } : {})
    const client = await pool.connect()
    for (const text of row.before ?? []) await client.query(text)
    const answer = client.query(row.text)
    if (typeof row.gets === 'string') {
      const result = (await answer) as pg.QueryResult | pg.QueryResult[]
      expect((Array.isArray(result) ? result.at(-1) : result)?.command).toBe(row.gets)
    } else expect(await failure(answer)).toMatchObject(row.gets)
    expect(backend.sent(row.text)).toBe(row.sent)
    await client.query('ROLLBACK')
    expect((await client.query('SELECT 2')).rows).toEqual([{ a: '1' }])
    client.release()
    await pool.end()
  })
}
