import { describe, expect, it } from 'vitest'
import { diagnose } from '../src/loss/diagnose.ts'
import {
  DivergedError,
  FailedTransactionError,
  InDoubtError,
  RolledBackError,
  surfaced,
} from '../src/loss/errors.ts'
import { settingsOf } from '../src/options.ts'

const cause = Object.assign(new Error('завершение подключения'), {
  code: '57P01',
  severity: 'ВАЖНО',
  file: 'postgres.c',
  routine: 'ProcessInterrupts',
})
const particulars = { condition: 'admin_shutdown', attempts: 2, cause } as const

describe('a surfaced loss', () => {
  it('says its outcome in an own string property and keeps the original', () => {
    const error = surfaced({ ...particulars, outcome: 'rolled-back', reason: 'deadline' })
    expect(Object.entries(error)).toEqual(
      expect.arrayContaining([
        ['outcome', 'rolled-back'],
        ['code', '57P01'],
        ['condition', 'admin_shutdown'],
      ]),
    )
    expect(error.cause).toBe(cause)
  })
  it('in doubt is an InDoubtError with 08007', () => {
    expect(surfaced({ ...particulars, outcome: 'in-doubt', reason: 'in-doubt' })).toMatchObject({
      name: 'InDoubtError',
      code: '08007',
      outcome: 'in-doubt',
    })
  })
  it('diverged is a DivergedError with 40001', () => {
    expect(surfaced({ ...particulars, outcome: 'rolled-back', reason: 'diverged' })).toMatchObject({
      name: 'DivergedError',
      code: '40001',
      outcome: 'rolled-back',
    })
  })
})

describe('diagnose', () => {
  const wrappers: [string, (error: Error) => unknown][] = [
    ['no wrapper', (error) => error],
    ['TypeORM', (error) => Object.assign(new Error('QueryFailedError'), { driverError: error })],
    [
      'Prisma',
      (error) =>
        Object.assign(new Error('P2039'), {
          code: 'P2039',
          meta: { driverAdapterError: { cause: error } },
        }),
    ],
    ['a cause', (error) => new Error('outer', { cause: new Error('middle', { cause: error }) })],
    ['an AggregateError', (error) => new AggregateError([new Error('other'), error])],
    [
      'MikroORM, which copies own strings',
      (error) =>
        Object.assign(
          new Error('DriverException'),
          Object.fromEntries(
            Object.entries(error).filter(([, value]) => typeof value === 'string'),
          ),
        ),
    ],
  ]
  it.each(wrappers)('reads the outcome of a loss through %s', (_name, wrap) => {
    const error = new InDoubtError({ ...particulars, reason: 'in-doubt' })
    expect(diagnose(wrap(error))).toMatchObject({
      condition: 'admin_shutdown',
      outcome: 'in-doubt',
      advice: error.advice,
    })
  })
  it.each(wrappers)(
    'reads a stock 57P01 through %s as in doubt, since pg hides the frames before it',
    (_name, wrap) => {
      expect(diagnose(wrap(cause))).toMatchObject({
        condition: 'admin_shutdown',
        sqlstate: '57P01',
        outcome: 'in-doubt',
      })
    },
  )
  it('knows a frame of the server, a socket and neither apart', () => {
    expect(diagnose(cause)?.evidence).toBe('frame')
    expect(diagnose(Object.assign(new Error(), { code: 'ECONNRESET' }))?.evidence).toBe('socket')
    expect(diagnose({ cause: { originalCode: '57P01' } })?.evidence).toBe('wrapper')
    expect(diagnose(new RolledBackError())?.evidence).toBe('none')
  })
  it('knows that a refused connection sent nothing', () => {
    expect(diagnose(Object.assign(new Error(), { code: 'ECONNREFUSED' }))).toMatchObject({
      outcome: 'not-sent',
      condition: 'connection_failure',
    })
    expect(diagnose(Object.assign(new Error(), { code: '57P03' }))).toMatchObject({
      outcome: 'not-sent',
      condition: 'cannot_connect_now',
    })
  })
  it.each([
    undefined,
    null,
    'text',
    7,
    new Error('x'),
    { code: '23505' },
    { code: '57014' },
    { code: '40001' },
    { code: 'P2002' },
  ])('has nothing to say of what is no loss: %o', (error) =>
    expect(diagnose(error)).toBeUndefined(),
  )
  it('survives an error that wraps itself and one whose getters throw', () => {
    const loop: { cause?: unknown } = {}
    loop.cause = loop
    expect(diagnose(loop)).toBeUndefined()
    const hostile = Object.defineProperty({}, 'cause', {
      get: () => {
        throw new Error('no')
      },
    })
    expect(diagnose(hostile)).toBeUndefined()
  })
  it('gives the SQLSTATE of the condition, whatever the code of the error that tells of it', () => {
    const error = new InDoubtError({ ...particulars, reason: 'in-doubt' })
    expect(diagnose(error)).toMatchObject({ condition: 'admin_shutdown', sqlstate: '57P01' })
  })
  it('gives one sentence of advice', () => {
    expect(diagnose(new DivergedError(particulars))?.advice).toMatch(/^[A-Z].*\.$/)
    expect(diagnose(new FailedTransactionError())?.advice).toMatch(/^[A-Z].*\.$/)
  })
})

describe('options', () => {
  it('have defaults', () => {
    expect(settingsOf()).toMatchObject({
      deadline: 30_000,
      replay: 'verified',
      witness: 'xid',
      exactlyOnce: false,
      operatorAfter: 10_000,
    })
  })
  it.each([
    [{ dedline: 1 }, /no option 'dedline'/],
    [{ deadline: '1' }, /'deadline' must be a number/],
    [{ deadline: Number.NaN }, /'deadline' must be a number/],
    [{ replay: 'on' }, /'replay' must be 'verified' or 'off'/],
    [{ witness: {} }, /'witness' must be/],
    [{ witness: { token: 't', more: 1 } }, /'witness' must be/],
    [{ exactlyOnce: 1 }, /'exactlyOnce' must be true or false/],
    [{ backoff: { base: 0 } }, /'backoff' must be an object/],
    [{ budget: 5 }, /'budget' must be an object/],
    [{ gate: { size: 5 } }, /'gate' must be an object/],
    [[], /must be an object/],
    [null, /must be an object/],
  ])('refuse %o with one sentence', (options, sentence) => {
    expect(() => settingsOf(options as never)).toThrow(sentence)
    expect(() => settingsOf(options as never)).toThrow(TypeError)
  })
})
