import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StateLog } from '../src/transaction/state-log.ts'

/** A session as a server has it: who made each setting, and under what each statement was prepared. */
class Model {
  settings = new Map<string, string>()
  style = 'default'
  order = 'default'
  role = 'none'
  authorization = 'login'
  prepared = new Map<string, string>()
  channels = new Set<string>()

  get #under(): string {
    const settings = JSON.stringify([...this.settings].sort())
    return `${settings} ${this.style} ${this.order} ${this.role} ${this.authorization}`
  }

  run(text: string): void {
    const [verb, name = '', value = ''] = text.replaceAll('"', '').split(' ')
    if (verb === 'SET' && name === 'datestyle') {
      if (value.includes('ISO') || value.includes('SQL')) this.style = value.slice(0, 3)
      if (value.includes('DMY') || value.includes('MDY')) this.order = value.slice(-3)
    } else if (verb === 'SET' && name === 'role') this.role = value
    else if (verb === 'SET' && name === 'authorization') this.authorization = value
    else if (verb === 'SET')
      this.settings.set(name, `${value} by ${this.role} of ${this.authorization}`)
    else if (verb === 'RESET' && name === 'ROLE') this.role = 'none'
    else if (verb === 'RESET' && name === 'SESSION') this.authorization = 'login'
    else if (verb === 'RESET' && name === 'datestyle') this.style = this.order = 'default'
    else if (verb === 'RESET') this.settings.delete(name)
    else if (verb === 'PREPARE') this.prepared.set(name, this.#under)
    else if (verb === 'DEALLOCATE') this.prepared.delete(name)
    else if (verb === 'LISTEN') this.channels.add(name)
    else if (verb === 'UNLISTEN') this.channels.delete(name)
    else throw new Error(text)
  }

  get all(): unknown {
    return [
      [...this.settings].sort(),
      this.style,
      this.order,
      this.role,
      this.authorization,
      [...this.prepared].sort(),
      [...this.channels].sort(),
    ]
  }
}

/** What undoes something on the server. */
function undo(key: string): string {
  if (key === 'role') return 'RESET ROLE'
  if (key === 'authorization') return 'RESET SESSION AUTHORIZATION'
  const [kind, name] = key.split(':')
  return `${kind === 'set' ? 'RESET' : kind === 'prepare' ? 'DEALLOCATE' : 'UNLISTEN'} ${name}`
}

interface Step {
  readonly key: string
  readonly value: string
  readonly drop: boolean
}

const value = fc.constantFrom('1', '2')
const step: fc.Arbitrary<Step> = fc
  .oneof(
    fc.record({
      key: fc.constantFrom('set:a', 'set:b', 'role', 'authorization'),
      value,
    }),
    fc.record({
      key: fc.constant('set:datestyle'),
      value: fc.constantFrom('ISO', 'SQL', 'DMY', 'MDY', 'ISO,DMY', 'SQL,MDY'),
    }),
    fc.record({
      key: fc.constantFrom('prepare:p', 'prepare:q', 'listen:c'),
      value: fc.constant(''),
    }),
  )
  .chain((made) => fc.record({ ...record(made), drop: fc.boolean() }))

function record({ key, value }: { key: string; value: string }): {
  key: fc.Arbitrary<string>
  value: fc.Arbitrary<string>
} {
  return { key: fc.constant(key), value: fc.constant(value) }
}

/** Something made in a log, and in a session as the log was told of it. */
function make(log: StateLog, model: Model, { key, value: made, drop }: Step): void {
  const [kind, name] = key.split(':')
  if (drop) {
    log.drop(key)
    model.run(undo(key))
    return
  }
  // As long as it is there it cannot be prepared again.
  if (kind === 'prepare' && log.has(key)) return
  const text =
    kind === 'prepare'
      ? `PREPARE ${name}`
      : kind === 'listen'
        ? `LISTEN ${name}`
        : `SET ${name ?? kind} ${made}`
  log.make(key, text)
  model.run(text)
}

const texts = (log: StateLog): string[] => log.messages.flat()

describe('what was made of a session', () => {
  it('is made again just so: each setting by whom it was made, each statement under what it was prepared', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.boolean(), (steps, early) => {
        const log = new StateLog()
        const model = new Model()
        for (const one of steps) {
          make(log, model, one)
          // To look at it changes nothing.
          if (early) expect(log.size).toBe(texts(log).length)
        }
        const again = new Model()
        for (const text of texts(log)) again.run(text)
        expect(again.all).toEqual(model.all)
        expect(log.size).toBe(texts(log).length)
      }),
    )
  })
  it.each<[string, [string, string][], string[]]>([
    [
      'what was overwritten is left out',
      [
        ['set:a', 'A1'],
        ['set:b', 'B1'],
        ['set:a', 'A2'],
      ],
      ['B1', 'A2'],
    ],
    [
      'unless a statement was prepared under it',
      [
        ['set:a', 'A1'],
        ['prepare:p', 'P'],
        ['set:a', 'A2'],
      ],
      ['A1', 'P', 'A2'],
    ],
    [
      'a role stays under which something was set',
      [
        ['role', 'R1'],
        ['set:a', 'A1'],
        ['role', 'R2'],
      ],
      ['R1', 'A1', 'R2'],
    ],
    [
      'but not where that was overwritten',
      [
        ['role', 'R1'],
        ['set:a', 'A1'],
        ['role', 'R2'],
        ['set:a', 'A2'],
      ],
      ['R2', 'A2'],
    ],
    [
      'nor for another user',
      [
        ['role', 'R1'],
        ['authorization', 'U'],
        ['role', 'R2'],
      ],
      ['U', 'R2'],
    ],
    [
      'and not for another role',
      [
        ['role', 'R1'],
        ['role', 'R2'],
      ],
      ['R2'],
    ],
    [
      'the user stays under whom a role was taken',
      [
        ['authorization', 'U1'],
        ['role', 'R'],
        ['authorization', 'U2'],
      ],
      ['U1', 'R', 'U2'],
    ],
    [
      'a user does not stay for another user',
      [
        ['authorization', 'U1'],
        ['authorization', 'U2'],
      ],
      ['U2'],
    ],
    [
      'a setting does not stay for another setting',
      [
        ['set:a', 'A1'],
        ['set:b', 'B'],
        ['set:a', 'A2'],
      ],
      ['B', 'A2'],
    ],
    [
      'a part of the date style stays',
      [
        ['set:datestyle', 'ISO'],
        ['set:datestyle', 'DMY'],
        ['set:datestyle', 'ISO'],
      ],
      ['DMY', 'ISO'],
    ],
  ])('%s', (_name, made, left) => {
    const log = new StateLog()
    for (const [key, text] of made) log.make(key, text)
    expect(texts(log)).toEqual(left)
    expect(log.size).toBe(left.length)
  })
  it('a part of the date style stays that a statement was prepared under, although it was reset behind it', () => {
    const log = new StateLog()
    log.make('set:datestyle', 'DMY')
    log.make('set:datestyle', 'ISO')
    log.make('prepare:p', 'P')
    log.drop('set:datestyle')
    expect(texts(log)).toEqual(['DMY', 'ISO', 'P', 'RESET "datestyle"'])
    log.make('set:datestyle', 'SQL')
    expect(texts(log)).toEqual(['DMY', 'ISO', 'P', 'RESET "datestyle"', 'SQL'])
    log.drop('prepare:p')
    expect(texts(log)).toEqual(['SQL'])
  })
  it('costs one statement each, however often it was made', () => {
    const log = new StateLog()
    for (let at = 0; at < 2000; at++) log.make('set:tenant', `${at}`)
    expect([...log.keys('')].length).toBeLessThan(64)
    expect(texts(log)).toEqual(['1999'])
  })
  it('costs no more where much stays beside it', () => {
    const log = new StateLog()
    for (let at = 0; at < 100; at++) log.make(`set:${at}`, '')
    for (let at = 0; at < 1000; at++) log.make('set:tenant', `${at}`)
    expect([...log.keys('')].length).toBeLessThan(300)
  })
  it('is all of it, however much of it stays', () => {
    const log = new StateLog()
    for (let at = 0; at < 1000; at++) log.make(`set:${at}`, '')
    expect(log.size).toBe(1000)
  })
})

describe('what undoes', () => {
  it.each([
    ['set:a', 'RESET "a"'],
    ['set:app.tenant', 'RESET "app"."tenant"'],
    ['role', 'RESET ROLE'],
    ['authorization', 'RESET SESSION AUTHORIZATION'],
  ])('a setting that something was prepared under stays: %s', (key, text) => {
    const log = new StateLog()
    log.make(key, 'made')
    log.make('prepare:p', 'prepared')
    log.drop(key)
    expect(texts(log)).toEqual(['made', 'prepared', text])
    log.drop('prepare:p')
    expect(texts(log)).toEqual([])
  })
  it('is nothing where nothing was made', () => {
    const log = new StateLog()
    log.drop('set:a')
    log.drop('role')
    log.clear('set:')
    expect([...log.keys('')]).toEqual([])
  })
  it.each(['prepare:p', 'listen:c'])('%s takes it out', (key) => {
    const log = new StateLog()
    log.make(key, 'made')
    log.make(`${key}2`, 'other')
    log.make('prepare:after', 'after')
    log.drop(key)
    expect(texts(log)).toEqual(['other', 'after'])
  })
  it.each([
    ['', []],
    ['prepare:', ['set:a', 'listen:c', 'role']],
    ['listen:', ['set:a', 'prepare:p', 'role']],
  ])('all that begins with "%s" takes it out', (prefix, left) => {
    const log = new StateLog()
    for (const key of ['set:a', 'prepare:p', 'listen:c', 'role']) log.make(key, key)
    log.clear(prefix)
    expect([...log.keys('')]).toEqual(left)
  })
  it('all settings undoes each of them, and nothing else', () => {
    const log = new StateLog()
    for (const key of ['set:a', 'set:b', 'prepare:p', 'role']) log.make(key, key)
    log.clear('set:')
    expect(texts(log)).toEqual(['set:a', 'set:b', 'prepare:p', 'role', 'RESET "a"', 'RESET "b"'])
  })
})

describe('a setting that is found to have another value', () => {
  const log = (...made: [string, string][]): StateLog => {
    const one = new StateLog()
    for (const [key, text] of made) one.make(key, text)
    return one
  }
  it('is made so where it was made', () => {
    const one = log(['set:a', 'A1'], ['set:b', 'B'])
    one.amend('set:a', 'A2')
    expect(texts(one)).toEqual(['A2', 'B'])
  })
  it('is made so at the end, where it was never made', () => {
    const one = log(['set:b', 'B'])
    one.amend('set:a', 'A')
    expect(texts(one)).toEqual(['B', 'A'])
  })
  it('leaves what was prepared under the first value under it', () => {
    const one = log(['set:a', 'A1'], ['prepare:p', 'P'])
    one.amend('set:a', 'A2')
    expect(texts(one)).toEqual(['A1', 'P', 'A2'])
    one.amend('set:a', 'A3')
    expect(texts(one)).toEqual(['A1', 'P', 'A3'])
  })
  it('is made after it was undone', () => {
    const one = log(['set:a', 'A1'], ['prepare:p', 'P'])
    one.drop('set:a')
    one.amend('set:a', 'A2')
    expect(texts(one)).toEqual(['A1', 'P', 'A2'])
    expect([...one.keys('set:a')]).toHaveLength(2)
  })
})

it('going back to the user of the login gives up the role', () => {
  const log = new StateLog()
  log.make('role', 'R')
  log.drop('authorization')
  expect(log.messages).toEqual([['R', 'RESET SESSION AUTHORIZATION']])
  log.make('role', 'S')
  expect(log.messages.at(-1)?.at(-1)).toBe('S')
})

describe('messages', () => {
  it.each(['client_encoding', 'standard_conforming_strings', 'backslash_quote'])(
    'end behind %s, under which the next is read',
    (name) => {
      const log = new StateLog()
      for (const key of ['set:a', `set:${name}`, 'set:b', 'role']) log.make(key, key)
      expect(log.messages).toEqual([
        ['set:a', `set:${name}`],
        ['set:b', 'role'],
      ])
      expect(log.messages).toHaveLength(2)
    },
  )
  it('are one where nothing of that kind is set, and none for nothing', () => {
    const log = new StateLog()
    expect(log.messages).toEqual([])
    for (const key of ['set:a', 'role', 'set:b']) log.make(key, key)
    expect(log.messages).toEqual([['set:a', 'role', 'set:b']])
  })
})

describe('what is asked of it', () => {
  it('is what begins so, in order', () => {
    const log = new StateLog()
    for (const key of ['set:a', 'listen:c', 'set:b']) log.make(key, `made ${key}`)
    expect([...log.keys('set:')]).toEqual(['set:a', 'set:b'])
    expect(log.has('listen:')).toBe(true)
    expect(log.has('prepare:')).toBe(false)
    expect(log.text('set:b')).toBe('made set:b')
    expect(log.text('set:')).toBe(undefined)
  })
})
