import { describe, expect, it } from 'vitest'
import { nodesOf } from '../src/loss/chain.ts'
import { diagnose } from '../src/loss/diagnose.ts'
import { DivergedError, divergence, InDoubtError, surfaced } from '../src/loss/errors.ts'
import { conditions } from '../src/loss/sqlstate.ts'

const frame = { code: '57P01', severity: 'FATAL', file: 'postgres.c', routine: 'f' }
/** The same code, and nobody knows whose. */
const word = { code: '57P01', severity: 'FATAL' }
const coded = (code: string): { code: string } => ({ code })

describe('what an error wraps', () => {
  it.each([
    'cause',
    'driverError',
    'originalError',
    'driverAdapterError',
    'meta',
    'previous',
    'parent',
    'original',
    'errors',
  ])('is found in its %s', (link) => {
    const inner = coded('57P01')
    const outer = { [link]: inner }
    expect(nodesOf(outer)).toEqual([outer, inner])
  })
  it('comes outermost first, and each once, also where it wraps itself', () => {
    const deep = { n: 3 }
    const near = { n: 2, cause: deep }
    const outer = { n: 1, meta: { n: 2, cause: deep }, errors: [near, near], cause: {} }
    outer.cause = outer
    expect(nodesOf(outer).map(({ n }) => n)).toEqual([1, 2, 3, 2])
  })
  it('is looked for at a depth where errors are, and no deeper', () => {
    const endless = (): object => ({
      get cause() {
        return endless()
      },
    })
    expect(nodesOf(endless())).toHaveLength(12)
  })
  it.each([undefined, null, 'text', 7])('is nothing where it is no error: %s', (error) => {
    expect(nodesOf(error)).toEqual([])
  })
})

describe('a diagnosis', () => {
  it('has the outcome, the attempts and the advice of the error that we raised', () => {
    const error = new InDoubtError({ condition: 'crash_shutdown', attempts: 3, reason: 'in-doubt' })
    expect(diagnose(error)).toEqual({
      condition: 'crash_shutdown',
      sqlstate: '57P02',
      severity: 'ERROR',
      outcome: 'in-doubt',
      evidence: 'wrapper',
      attempts: 3,
      advice: error.advice,
    })
  })
  it.each(['not-sent', 'rolled-back', 'committed', 'in-doubt'] as const)(
    'says %s where an ORM kept nothing but that word',
    (outcome) => {
      const seen = diagnose({ outcome, attempts: 'many', advice: 7 })
      expect(seen).toMatchObject({ outcome, attempts: 0, evidence: 'none' })
      expect(seen?.condition).toBe('connection_failure')
      expect(seen?.severity).toBeUndefined()
      expect(seen?.advice).toMatch(/^[A-Z].*\.$/)
    },
  )
  it('takes no outcome from a word that is none', () => {
    expect(diagnose({ outcome: 'fine' })).toBeUndefined()
    expect(diagnose({ outcome: 'fine', ...frame })).toMatchObject({ outcome: 'in-doubt' })
  })
  it('has the condition that is named, before that of a code', () => {
    const error = { outcome: 'rolled-back', condition: 'transaction_timeout', cause: frame }
    expect(diagnose(error)).toMatchObject({ condition: 'transaction_timeout', sqlstate: '25P04' })
    expect(diagnose({ ...error, condition: 'no_such_thing' })).toMatchObject({ sqlstate: '57P01' })
    expect(diagnose({ ...error, condition: '' })).toMatchObject({ sqlstate: '57P01' })
    expect(diagnose({ ...error, condition: 7 })).toMatchObject({ sqlstate: '57P01' })
  })
  it('has the condition of an outcome’s own code, unless a socket ended', () => {
    const conflict = { outcome: 'rolled-back', code: '40001' }
    expect(diagnose(conflict)?.condition).toBe('serialization_failure')
    const reset = { ...conflict, cause: coded('ECONNRESET') }
    expect(diagnose(reset)?.condition).toBe('connection_failure')
  })
  it('has the severity of the server before ours', () => {
    const loss = { condition: 'admin_shutdown', attempts: 1, reason: 'deadline' } as const
    const error = surfaced({ ...loss, outcome: 'rolled-back', cause: frame })
    expect(diagnose(Object.assign(error, { code: 'P1' }))?.severity).toBe('FATAL')
    expect(diagnose({ outcome: 'rolled-back', severity: 'ERROR' })?.severity).toBe('ERROR')
    expect(diagnose({ ...frame, severity: 7 })?.severity).toBeUndefined()
  })
  it.each<[string, unknown, string]>([
    ['a frame', { cause: frame }, 'frame'],
    ['a frame beside what is no loss', { ...frame, code: '23505' }, 'undefined'],
    ['a frame of no loss over a word of one', { ...frame, code: '1', cause: word }, 'wrapper'],
    ['a code that nobody vouches for', word, 'wrapper'],
    ['a socket under such a code', { ...word, cause: coded('EPIPE') }, 'socket'],
    ['a condition of our own', { outcome: 'in-doubt', condition: 'crash_shutdown' }, 'socket'],
    ['an outcome alone', { outcome: 'in-doubt' }, 'none'],
  ])('rests on what there is: %s', (_name, error, evidence) => {
    expect(String(diagnose(error)?.evidence)).toBe(evidence)
  })
  it.each(['code', 'originalCode', 'sqlState'])('finds a code in %s', (field) => {
    expect(diagnose({ [field]: '57P02' })?.condition).toBe('crash_shutdown')
    expect(diagnose({ code: 'P1', [field]: '57P02' })?.condition).toBe('crash_shutdown')
  })
  it.each(['code', 'originalCode'])('finds the end of a socket in %s', (field) => {
    expect(diagnose({ [field]: 'EPIPE' })).toMatchObject({
      condition: 'connection_failure',
      evidence: 'socket',
      outcome: 'in-doubt',
    })
  })
})

describe('without a word of ours, that nothing was sent is said only of', () => {
  it.each<[string, object]>([
    ['a server that is starting', coded('57P03')],
    ['a server that is full', coded('53300')],
    ['a socket that was refused', coded('ECONNREFUSED')],
    ['a host that cannot be reached', coded('EHOSTUNREACH')],
    ['what Prisma calls unreachable', { kind: 'DatabaseNotReachable' }],
  ])('%s', (_name, error) => {
    expect(diagnose(error)?.outcome).toBe('not-sent')
  })
  it.each<[string, object]>([
    ['a reset', coded('ECONNRESET')],
    ['a write that failed', coded('EPIPE')],
    ['a host that fell silent', coded('ETIMEDOUT')],
    ['what Prisma calls closed', { kind: 'ConnectionClosed' }],
    ['what Prisma calls a timeout of the socket', { kind: 'SocketTimeout' }],
    ['a backend that was ended', frame],
    ['a loss for which another socket was refused', { ...frame, cause: coded('ECONNREFUSED') }],
  ])('and not of %s', (_name, error) => {
    expect(diagnose(error)?.outcome).toBe('in-doubt')
  })
  it.each(['UniqueConstraintViolation', 'constructor', Object.create(null), undefined])(
    'and a kind that means something else is no loss: %j',
    (kind) => expect(diagnose({ kind })).toBeUndefined(),
  )
})

describe('a divergence behind Prisma’s adapter', () => {
  const wrapped = (more: object): object => ({
    code: 'P2034',
    meta: {
      driverAdapterError: { cause: { kind: 'TransactionWriteConflict', ...more } },
    },
  })
  it.each(conditions)('is told by its own sentence: after %s', (condition) => {
    const { message, code, advice } = new DivergedError({ condition, attempts: 1 })
    expect(message).toBe(divergence(condition))
    const seen = diagnose(wrapped({ originalCode: code, originalMessage: message }))
    expect(seen).toEqual({
      condition,
      sqlstate: seen?.sqlstate,
      severity: undefined,
      outcome: 'rolled-back',
      evidence: 'wrapper',
      attempts: 0,
      advice,
    })
  })
  it.each([
    ['a conflict of the server’s', '40001', 'could not serialize access'],
    ['a conflict without a sentence', '40001', undefined],
    ['our sentence under another code', '23505', divergence('admin_shutdown')],
  ])('is not seen in %s', (_name, originalCode, originalMessage) => {
    expect(diagnose(wrapped({ originalCode, originalMessage }))).toBeUndefined()
  })
})
