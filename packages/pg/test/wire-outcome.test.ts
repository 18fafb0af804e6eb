import pg from 'pg'
import { expect, it } from 'vitest'
import { commandComplete, fatal, noticeResponse, readyForQuery } from '../../../test/kit/index.ts'
import { type Answers, Backend, behind, type Fault, instead, tagged, terminated } from './backend.ts'
import { failure, poolOn } from './support.ts'

const insert = 'INSERT INTO t VALUES (1)'
const pooler = fatal('08P01', '', { without: ['V', 'F', 'L', 'R'], message: 'server conn crashed?' })
const russian = fatal('57P01', 'ProcessInterrupts', { localised: 'ВАЖНО', without: ['V'] })
const bare = fatal('57P01', '', { without: ['F', 'L', 'R'] })
const notice = (code: string, file: string, routine: string): Buffer =>
  noticeResponse({ S: 'WARNING', V: 'WARNING', C: code, M: 'terminating', F: file, L: '1', R: routine })
const replicating = notice('57P01', 'syncrep.c', 'SyncRepWaitForLSN')
const quick = notice('57P01', 'postgres.c', 'quickdie')
const crash = notice('57P02', 'postgres.c', 'quickdie')
const inDoubt = { code: '08007', outcome: 'in-doubt' }

interface Row {
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

const autocommit: Row[] = [
  { promise: 'a FATAL before the tag, in whatever language: executed again', text: insert, fault: instead(russian), gets: 'INSERT', sent: 2 },
  { promise: 'a FATAL without file and routine: in doubt', text: insert, fault: instead(bare), gets: inDoubt, sent: 1 },
  { promise: 'an end of file without an answer: in doubt', text: insert, fault: instead(), gets: inDoubt, sent: 1 },
  { promise: 'a reset without an answer: in doubt', text: insert, fault: (peer) => peer.reset(), gets: inDoubt, sent: 1 },
  { promise: "a pooler's own error: in doubt", text: insert, fault: instead(pooler), gets: inDoubt, sent: 1 },
  { promise: "the server's FATAL, then the pooler's: the first decides", text: insert, fault: instead(terminated, pooler), gets: 'INSERT', sent: 2 },
  { promise: 'a FATAL between the tag and the witness: executed again', text: insert, fault: tagged(terminated), gets: 'INSERT', sent: 2 },
  { promise: 'the end between the tag and the witness: in doubt', text: insert, fault: tagged(), gets: inDoubt, sent: 1 },
  { promise: 'a FATAL behind the witness, aborted: executed again', text: insert, fault: behind(terminated), gets: 'INSERT', sent: 2 },
  { promise: 'a FATAL behind the witness, committed: the answer is delivered', text: insert, fault: behind(terminated), answers: { statuses: ['in progress', 'in progress', 'committed'] }, gets: 'INSERT', sent: 1 },
  { promise: 'the end at Sync, committed: the answer is delivered', text: insert, at: `${insert} Sync`, fault: instead(), answers: { statuses: ['committed'] }, gets: 'INSERT', sent: 1 },
  { promise: 'the end at Sync, too long ago: in doubt', text: insert, at: `${insert} Sync`, fault: instead(), answers: { statuses: [null] }, gets: inDoubt, sent: 1 },
  { promise: 'the end at Sync, committed in another life of the server: in doubt', text: insert, at: `${insert} Sync`, fault: instead(), answers: { statuses: ['committed'], incarnation: ['7000', '00000001', '2.5'] }, gets: inDoubt, sent: 1 },
  { promise: 'the end at Sync, aborted in another life: executed again', text: insert, at: `${insert} Sync`, fault: instead(), answers: { statuses: ['aborted'], incarnation: ['7000', '00000001', '2.5'] }, gets: 'INSERT', sent: 2 },
  { promise: 'the end at Sync, aborted on another timeline: in doubt', text: insert, at: `${insert} Sync`, fault: instead(), answers: { statuses: ['aborted'], incarnation: ['7000', '00000002', '1.5'] }, gets: inDoubt, sent: 1 },
  { promise: 'the wait for a standby given up: committed', text: insert, at: `${insert} Sync`, fault: instead(replicating), gets: 'INSERT', sent: 1 },
  { promise: 'an immediate stop at Sync is resolved', text: insert, at: `${insert} Sync`, fault: instead(quick), answers: { statuses: ['committed'] }, gets: 'INSERT', sent: 1 },
  { promise: 'an immediate stop without an answer: in doubt', text: insert, fault: instead(quick), gets: inDoubt, sent: 1 },
  { promise: "another backend's crash without an answer: in doubt", text: insert, fault: instead(crash), gets: inDoubt, sent: 1 },
  { promise: 'the end while the Sync is held: executed again', text: insert, fault: instead(), exactlyOnce: true, gets: 'INSERT', sent: 2 },
  { promise: 'the end behind the held witness, committed: the answer is delivered', text: insert, at: `${insert} Sync`, fault: instead(), exactlyOnce: true, answers: { statuses: ['committed'] }, gets: 'INSERT', sent: 1 },
  { promise: 'a dropped database: said so', text: insert, fault: instead(fatal('57P04', 'ProcessInterrupts')), gets: { code: '57P04', outcome: 'rolled-back', reason: 'dropped' }, sent: 1 },
  { promise: 'transaction_timeout: said so', text: insert, fault: instead(fatal('25P04', 'ProcessInterrupts')), gets: { code: '25P04', outcome: 'rolled-back', reason: 'limit' }, sent: 1 },
]

const others: Row[] = [
  { promise: 'a procedure may have committed inside: in doubt', text: 'CALL p()', fault: instead(terminated), gets: inDoubt, sent: 1 },
  { promise: 'a procedure in a transaction cannot: executed again', before: ['BEGIN'], text: 'CALL p()', fault: instead(terminated), gets: 'CALL', sent: 2 },
  { promise: 'a batch that failed in its midst: executed again', text: `${insert}; ${insert}`, fault: tagged(terminated), gets: 'INSERT', sent: 2 },
  { promise: 'a batch that failed at its end: in doubt', text: `${insert}; ${insert}`, fault: instead(commandComplete('INSERT 0 1'), commandComplete('INSERT 0 1'), terminated), gets: inDoubt, sent: 1 },
  { promise: 'a batch with its own COMMIT: in doubt', text: `BEGIN; ${insert}; COMMIT`, fault: tagged(terminated), gets: inDoubt, sent: 1 },
  { promise: 'a read: executed again', text: 'SELECT 1', fault: instead(), gets: 'SELECT', sent: 2 },
  { promise: 'a read by functions that cannot write: executed again', text: 'SELECT f()', fault: instead(), gets: 'SELECT', sent: 2 },
  { promise: 'a read by a function that can: in doubt', text: 'SELECT f()', fault: instead(), answers: { writes: true }, gets: inDoubt, sent: 1 },
  { promise: 'BEGIN: executed again', text: 'BEGIN', fault: instead(), gets: 'BEGIN', sent: 2 },
  { promise: 'a statement in a transaction: executed again', before: ['BEGIN'], text: insert, fault: instead(), gets: 'INSERT', sent: 2 },
  { promise: 'ROLLBACK: done', before: ['BEGIN', insert], text: 'ROLLBACK', fault: instead(), gets: 'ROLLBACK', sent: 1 },
  { promise: 'COMMIT, then a FATAL: committed', before: ['BEGIN', insert], text: 'COMMIT', fault: instead(commandComplete('COMMIT'), terminated), gets: 'COMMIT', sent: 1 },
  { promise: 'a FATAL in place of COMMIT: all of it again', before: ['BEGIN', insert], text: 'COMMIT', fault: instead(terminated), gets: 'COMMIT', sent: 2 },
  { promise: 'COMMIT without an answer, committed', before: ['BEGIN', insert], text: 'COMMIT', fault: instead(), answers: { statuses: ['in progress', 'committed'] }, gets: 'COMMIT', sent: 1 },
  { promise: 'COMMIT without an answer, aborted: all of it again', before: ['BEGIN', insert], text: 'COMMIT', fault: instead(), gets: 'COMMIT', sent: 2 },
  { promise: 'COMMIT without an answer, unknown: in doubt', before: ['BEGIN', insert], text: 'COMMIT', fault: instead(), answers: { statuses: [null] }, gets: inDoubt, sent: 1 },
  { promise: 'COMMIT that waited for a standby: committed', before: ['BEGIN', insert], text: 'COMMIT', fault: instead(replicating), gets: 'COMMIT', sent: 1 },
  { promise: 'COMMIT in another crash is resolved', before: ['BEGIN', insert], text: 'COMMIT', fault: instead(crash), answers: { statuses: ['committed'] }, gets: 'COMMIT', sent: 1 },
  { promise: 'COMMIT of what only read, without an answer: done', before: ['BEGIN', 'SELECT 1'], text: 'COMMIT', fault: instead(), answers: { xid: null }, gets: 'COMMIT', sent: 1 },
  { promise: 'COMMIT answered by ROLLBACK: an error', before: ['BEGIN', insert], text: 'COMMIT', fault: instead(commandComplete('ROLLBACK'), readyForQuery('I')), gets: { code: '40000', outcome: 'rolled-back' }, sent: 1 },
  { promise: 'idle_in_transaction_session_timeout: said so', before: ['BEGIN', insert], text: 'SELECT 1', fault: instead(fatal('25P03', 'ProcessInterrupts')), gets: { code: '25P03', outcome: 'rolled-back', reason: 'limit' }, sent: 1 },
  { promise: 'idle_session_timeout: not noticed', text: 'SELECT 1', fault: instead(fatal('57P05', 'ProcessInterrupts')), gets: 'SELECT', sent: 2 },
]

it.each([...autocommit, ...others])('$text: $promise', async (row) => {
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
