import { describe, expect, test } from 'vitest'
import * as demo from '../demo/options.ts'
import { UsageError } from '../lanes/arguments.ts'
import { subjectNames } from '../subjects/index.ts'
import * as torture from '../torture/options.ts'

describe('demo', () => {
  test('takes all clients, 35 seconds and report/demo.html where nothing is said', () => {
    expect(demo.optionsOf([])).toEqual({
      subjects: subjectNames,
      seconds: 35,
      report: 'report/demo.html',
      picture: undefined,
      json: false,
    })
  })

  test('takes what is said', () => {
    const argv = [
      '--only',
      'kysely,pg',
      '--seconds',
      '3',
      '--report',
      'a.html',
      '--picture',
      'a.svg',
      '--json',
    ]
    expect(demo.optionsOf(argv)).toEqual({
      subjects: ['pg', 'kysely'],
      seconds: 3,
      report: 'a.html',
      picture: 'a.svg',
      json: true,
    })
  })

  test('wants nothing but the help page when asked for it', () => {
    expect(demo.optionsOf(['--help'])).toBeUndefined()
    for (const flag of [
      '--seconds N',
      '--only A,B',
      '--report FILE',
      '--picture FILE',
      '--json',
      '--help',
    ]) {
      expect(demo.help).toContain(flag)
    }
  })
})

describe('torture', () => {
  test('draws a seed where none is given', () => {
    const seeds = [torture.optionsOf([]), torture.optionsOf([])].map((options) => options?.seed)
    expect(seeds[0]).not.toBe(seeds[1])
    expect(torture.optionsOf(['--seed', '7'])?.seed).toBe(7)
  })

  test('takes what is said', () => {
    const argv = '--subject prisma --faults freeze,kill --seconds 5 --workers 2 --exactly-once'
    expect(torture.optionsOf(argv.split(' '))).toMatchObject({
      subjects: ['prisma'],
      faults: ['kill', 'freeze'],
      seconds: 5,
      workers: 2,
      exactlyOnce: true,
      control: false,
      json: false,
    })
    expect(torture.optionsOf(['--subject', 'all'])?.subjects).toEqual(subjectNames)
  })

  test('has raw pg for its control', () => {
    expect(torture.optionsOf(['--control'])?.subjects).toEqual(['pg'])
  })
})

test.each([
  [['--frobnicate'], "Unknown option '--frobnicate'; --help lists what there is."],
  [['extra'], "Unexpected argument 'extra'"],
  [['--seconds'], "'--seconds"],
  [['--seconds', '0'], "--seconds takes a number above 0, not '0'."],
  [['--seconds', 'soon'], "--seconds takes a number above 0, not 'soon'."],
  [['--only', 'knex'], "--only knows no 'knex': use pg, prisma, kysely, typeorm, mikro-orm."],
  [['--json=yes'], "'--json'"],
])('%j is refused in one sentence', (argv, message) => {
  let refusal: unknown
  try {
    demo.optionsOf(argv)
  } catch (error) {
    refusal = error
  }
  expect(refusal).toBeInstanceOf(UsageError)
  expect((refusal as Error).message).toContain(message)
  expect((refusal as Error).message).not.toContain('\n')
})
