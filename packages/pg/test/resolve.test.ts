import { analyze } from '@reprise/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { heedTimers } from '../../../test/kit/fake-clock.ts'
import type { Connection } from '../src/connection/connection.ts'
import type { Incarnation } from '../src/connection/incarnation.ts'
import type { Inquiry } from '../src/connection/inquiry.ts'
import { startedWithin } from '../src/recovery/catalog.ts'
import { isReplicated, mayWaitOtherwise } from '../src/recovery/replication.ts'
import { resolve } from '../src/recovery/resolve.ts'
import { Transaction } from '../src/transaction/transaction.ts'
import { fence, isElsewhere } from '../src/witness/backend.ts'
import type { Witness } from '../src/witness/witness.ts'
import { connection, exchange, server } from './answers.ts'

const { signal } = new AbortController()
const backend = { pid: 4711, began: '2026-01-01T00:00:00+00:00', incarnation: server }
const witness: Witness = { xid: '700', began: undefined, backend }
const columns = (of: Incarnation): (string | null)[] => {
  const { system, timeline, written, crash, postmaster } = of
  const file = timeline && `${timeline}0000000000000001`
  return [
    system,
    written === null ? file : `${file} 0/${written.toString(16).toUpperCase()}`,
    crash,
    postmaster,
  ]
}

/** A server that answers these, one after the other; the last is repeated. */
function asking(
  ...answers: (Partial<Awaited<ReturnType<Inquiry>>> & { rows?: (string | null)[][] })[]
): {
  readonly ask: Inquiry
  readonly asked: { text: string; values: readonly unknown[] | undefined }[]
} {
  const asked: { text: string; values: readonly unknown[] | undefined }[] = []
  let at = 0
  const ask = async (text: string, values?: unknown[]): ReturnType<Inquiry> => {
    asked.push({ text, values })
    // Ending a backend is asked for before each look.
    if (text.includes('pg_terminate_backend')) return { rows: [], code: undefined }
    const answer = answers[Math.min(at++, answers.length - 1)]
    return { rows: [], code: undefined, ...answer } as Awaited<ReturnType<Inquiry>>
  }
  return { ask: ask as Inquiry, asked }
}

const crashed: Incarnation = { ...server, crash: '2.5' }
const promoted: Incarnation = { ...server, timeline: '00000002' }
const other: Incarnation = { ...server, system: '8000' }
const unknown: Incarnation = { ...server, crash: null }
const nobody: Incarnation = {
  system: null,
  timeline: null,
  written: null,
  crash: null,
  postmaster: null,
}
/** When it was started, as the server writes that; the backend was there on the first of January. */
const startedIn = (year: number): Pick<Incarnation, 'postmaster'> => ({
  postmaster: ((BigInt(Date.UTC(year, 5)) - 946_684_800_000n) * 1000n)
    .toString(16)
    .padStart(16, '0'),
})
const longWritten: Incarnation = { ...server, written: 0x5000n }
const backThen: Incarnation = { ...server, written: 0x4fffn }

beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.restoreAllMocks()
})

describe('what became of a transaction', () => {
  it.each<[string | null, string, Incarnation, string]>([
    ['committed', 'the same life', server, 'committed'],
    ['committed', 'a life after a crash', crashed, 'in-doubt'],
    ['committed', 'a life that is not known', unknown, 'in-doubt'],
    ['committed', 'another timeline', promoted, 'in-doubt'],
    ['committed', 'another server', other, 'in-doubt'],
    ['committed', 'a server that does not say which it is', nobody, 'in-doubt'],
    ['aborted', 'the same life', server, 'rolled-back'],
    ['aborted', 'a life after a crash', crashed, 'rolled-back'],
    ['aborted', 'another timeline', promoted, 'in-doubt'],
    ['aborted', 'another server', other, 'in-doubt'],
    ['aborted', 'a life that began since', { ...server, ...startedIn(2026) }, 'rolled-back'],
    ['aborted', 'one that was up elsewhere', { ...server, ...startedIn(2025) }, 'in-doubt'],
    ['committed', 'one that was up elsewhere', { ...server, ...startedIn(2025) }, 'in-doubt'],
    ['aborted', 'one that began at no time', { ...server, postmaster: null }, 'in-doubt'],
    [null, 'the same life', server, 'in-doubt'],
    ['something new', 'the same life', server, 'in-doubt'],
  ])('%s, says %s: %s', async (status, _name, now, outcome) => {
    const { ask, asked } = asking({ rows: [[status, ...columns(now)]] })
    expect(await resolve(witness, ask, signal)).toBe(outcome)
    expect(asked).toHaveLength(2)
    expect(asked[1]?.values).toEqual(['700'])
    expect(asked[1]?.text).toContain('pg_xact_status')
  })
  it('is asked again while it is in progress, its backend being ended before each look', async () => {
    const still = { rows: [['in progress', ...columns(server)]] }
    const { ask, asked } = asking(still, still, { rows: [['committed', ...columns(server)]] })
    expect(await resolve(witness, ask, signal)).toBe('committed')
    const fences = asked.map(({ text }) => text.includes('pg_terminate_backend'))
    expect(fences).toEqual([true, false, true, false, true, false])
  })
  it('is waited for ever longer, up to a limit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    heedTimers()
    vi.mocked(Math.random).mockReturnValue(1)
    try {
      const controller = new AbortController()
      const still = { rows: [['in progress', ...columns(server)]] }
      const { ask, asked } = asking(still)
      const outcome = resolve(witness, ask, controller.signal)
      outcome.catch(() => undefined)
      controller.abort('deadline')
      await expect(outcome).rejects.toThrow()
      expect(asked.length).toBeLessThan(4)
    } finally {
      vi.useRealTimers()
      heedTimers()
    }
  })
  it.each<[string, Incarnation, string]>([
    ['a life after a crash, which lost it', crashed, 'rolled-back'],
    ['the same life', server, 'in-doubt'],
    ['a life after a clean stop', { ...server, ...startedIn(2026) }, 'in-doubt'],
    ['a life that is not known', unknown, 'in-doubt'],
    ['one that was up elsewhere', { ...crashed, ...startedIn(2025) }, 'in-doubt'],
    ['another timeline', promoted, 'in-doubt'],
    ['another server', other, 'in-doubt'],
  ])('of an id that was never drawn, says %s: %s', async (_name, now, outcome) => {
    const { ask, asked } = asking({ code: '22023' }, { rows: [columns(now)] })
    expect(await resolve(witness, ask, signal)).toBe(outcome)
    expect(asked.at(-1)?.text).toContain('pg_control_system')
  })
  it.each<[string, string, Incarnation, string]>([
    ['committed', 'the same place', longWritten, 'committed'],
    ['committed', 'an earlier one', backThen, 'in-doubt'],
    ['aborted', 'the same place', longWritten, 'rolled-back'],
    ['aborted', 'an earlier one', backThen, 'in-doubt'],
    ['aborted', 'one that is not known', server, 'rolled-back'],
  ])(
    '%s, where the log that was known to be written ends in %s',
    async (status, _where, now, outcome) => {
      const { ask } = asking({ rows: [[status, ...columns(now)]] })
      const known = { ...witness, backend: { ...backend, incarnation: longWritten } }
      expect(await resolve(known, ask, signal)).toBe(outcome)
    },
  )
  it.each<[string | null, string]>([
    ['0:701', 'committed'],
    ['0:700', 'in-doubt'],
    ['1:3', 'committed'],
    [null, 'in-doubt'],
  ])('after a clean stop, is believed if it was drawn before it: %s', async (next, outcome) => {
    const now = { ...server, ...startedIn(2026) }
    const { ask, asked } = asking(
      { rows: [['committed', ...columns(now)]] },
      { rows: [[now.postmaster, next]] },
    )
    expect(await resolve(witness, ask, signal)).toBe(outcome)
    expect(asked.at(-1)?.text).toContain('pg_control_checkpoint')
    const other = asking(
      { rows: [['committed', ...columns(now)]] },
      { rows: [[server.postmaster, next]] },
    )
    expect(await resolve(witness, other.ask, signal)).toBe('in-doubt')
  })
  it.each([
    ['an answer without a row', {}],
    ['a refusal', { code: '42501' }],
  ])('is in doubt behind %s', async (_name, answer) => {
    expect(await resolve(witness, asking(answer).ask, signal)).toBe('in-doubt')
    const never = asking({ code: '22023' }, answer)
    expect(await resolve(witness, never.ask, signal)).toBe('in-doubt')
  })
})

describe('a backend that was lost', () => {
  const fenced = async (rows: (string | null)[][], code?: string): Promise<string> =>
    fence(backend, (async () => ({ rows, code })) as unknown as Inquiry)
  it('is gone, told to end, left to replicate or not ours to end', async () => {
    expect(await fenced([])).toBe('gone')
    expect(await fenced([['f', 't']])).toBe('there')
    expect(await fenced([[null, 't']])).toBe('there')
    expect(await fenced([['t', 'f']])).toBe('replicating')
    expect(await fenced([], '42501')).toBe('refused')
  })
  it.each<[string, Partial<Incarnation>]>([
    ['its server', { system: null }],
    ['the start of its server', { postmaster: null }],
  ])('is not looked for where nobody knows %s', async (_name, part) => {
    const { ask, asked } = asking({})
    const lost = { ...backend, incarnation: { ...server, ...part } }
    expect(await fence(lost, ask)).toBe('gone')
    expect(asked).toEqual([])
  })
  it('is looked for by all that makes it ours', async () => {
    const { ask, asked } = asking({})
    await fence(backend, ask)
    expect(asked[0]?.values).toEqual([4711, backend.began, '7000', '1000.5'])
  })
})

describe('what is committed has reached its standby', () => {
  const replicated = async (
    waits: (string | null)[],
    otherwise: boolean,
    how: { code?: string; given?: boolean; refused?: string; unseen?: boolean | 'unsaid' } = {},
  ): Promise<{ reached: boolean; commits: string[] }> => {
    const at = connection() as Connection
    at.replicationGivenUp = true
    const commits: string[] = []
    const ask = (async (text: string) => {
      if (text.includes('pg_proc')) {
        const rows = how.unseen === 'unsaid' ? [] : [[how.unseen ? 't' : 'f']]
        return { rows, code: undefined }
      }
      if (!text.includes('pg_logical_emit_message')) return { rows: [waits], code: how.code }
      commits.push(text)
      if (how.given) at.replicationGivenUp = true
      return { rows: [], code: how.refused }
    }) as unknown as Inquiry
    return { reached: await isReplicated(at, ask, otherwise), commits }
  }
  it('at once where there is none', async () => {
    for (const otherwise of [false, true]) {
      const { reached, commits } = await replicated(['', 'on'], otherwise)
      expect(reached).toBe(true)
      expect(commits).toEqual([])
    }
  })
  it('at once where the session does not wait, unless it may have waited otherwise', async () => {
    for (const session of ['off', 'local']) {
      expect(await replicated(['s1', session], false)).toEqual({ reached: true, commits: [] })
      const trigger = await replicated(['s1', session], false, { unseen: true })
      const unsaid = await replicated(['s1', session], false, { unseen: 'unsaid' })
      for (const { commits } of [await replicated(['s1', session], true), trigger, unsaid]) {
        expect(commits).toHaveLength(1)
        expect(commits[0]).toContain('SET LOCAL synchronous_commit = remote_apply')
      }
    }
  })
  it('once a commit of our own has waited as well', async () => {
    const { reached, commits } = await replicated(['s1', 'on'], false)
    expect(reached).toBe(true)
    expect(commits).toHaveLength(1)
    expect(commits[0]).not.toContain('SET LOCAL')
  })
  it('not where that gave up, or was refused', async () => {
    expect((await replicated(['s1', 'on'], false, { given: true })).reached).toBe(false)
    expect((await replicated(['s1', 'on'], false, { refused: '42883' })).reached).toBe(false)
  })
  it('at once where there is no such setting, since that is no PostgreSQL', async () => {
    expect(await replicated([], true, { code: '42704' })).toEqual({ reached: true, commits: [] })
  })
  it('is not known where the server does not say whether it waits', async () => {
    const { commits } = await replicated(['', 'off'], false, { code: '42501' })
    expect(commits).toHaveLength(1)
    expect((await replicated([], false)).commits).toHaveLength(1)
  })
})

describe('a transaction may have waited otherwise than its session', () => {
  it.each([
    ['INSERT INTO t VALUES (1)', false],
    ['SELECT 1', false],
    ['SET LOCAL synchronous_commit = on', true],
    ['SELECT f()', true],
    ["SELECT set_config('synchronous_commit', 'on', true)", true],
    ['INSERT INTO t VALUES (1); SELECT 1', true],
    ['CALL p()', true],
    ['DO $$BEGIN END$$', true],
    ['EXECUTE p', true],
  ])('where it ran %s: %s', (text, otherwise) => {
    expect(mayWaitOtherwise(analyze(text), undefined)).toBe(otherwise)
    const open = new Transaction(1 << 20)
    open.record(exchange('BEGIN'))
    open.record(exchange(text))
    open.record(exchange('SELECT 1'))
    expect(mayWaitOtherwise(analyze('COMMIT'), open)).toBe(otherwise)
  })
  it('where nobody knows what it ran', () => {
    expect(mayWaitOtherwise(analyze('COMMIT'), new Transaction(1))).toBe(true)
  })
})

it('a server was started since, if it says so', async () => {
  for (const [rows, since] of [
    [[['t']], true],
    [[['f']], false],
    [[], false],
  ] as const) {
    const { ask, asked } = asking({ rows: rows as never })
    expect(await startedWithin(17, ask)).toBe(since)
    expect(asked[0]?.values).toEqual([0.017])
  }
})

it.each<[string, Partial<Incarnation> | undefined, boolean]>([
  ['the same server', {}, false],
  ['the same after a crash', { crash: '2.5' }, false],
  ['the same after a promotion', { timeline: '00000002' }, false],
  ['a later start of its postmaster', { postmaster: '1001.5' }, true],
  ['another system', { system: '7001' }, true],
  ['one that does not say which system it is', { system: null }, false],
  ['one that does not say when it was started', { postmaster: null }, false],
  ['whatever a pooler leads to', undefined, false],
])('a backend need not be looked for on another server: %s', (_where, here, elsewhere) => {
  const now = here && { ...backend, incarnation: { ...server, ...here } }
  expect(isElsewhere(backend, now)).toBe(elsewhere)
})
