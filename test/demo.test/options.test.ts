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
  const ofOne = (argv: string[]): torture.TortureOptions => {
    const asked = torture.optionsOf(argv)
    if (asked === undefined || !('one' in asked)) throw new Error('no torture of one server')
    return asked.one
  }

  test('draws a seed where none is given', () => {
    const seeds = [ofOne([]), ofOne([])].map(({ seed }) => seed)
    expect(seeds[0]).not.toBe(seeds[1])
    expect(ofOne(['--seed', '7']).seed).toBe(7)
  })

  test('takes what is said', () => {
    const argv = '--subject prisma --faults freeze,kill --seconds 5 --workers 2 --exactly-once'
    expect(ofOne(argv.split(' '))).toMatchObject({
      subjects: ['prisma'],
      faults: ['kill', 'freeze'],
      seconds: 5,
      workers: 2,
      exactlyOnce: true,
      control: false,
      json: false,
    })
    expect(ofOne(['--subject', 'all']).subjects).toEqual(subjectNames)
  })

  test('has raw pg for its control', () => {
    expect(ofOne(['--control']).subjects).toEqual(['pg'])
  })

  test('takes a cluster', () => {
    const argv = '--cluster patroni --faults cut,switchover --mode sync --subject pg'
    expect(torture.optionsOf(argv.split(' '))).toMatchObject({
      cluster: { subjects: ['pg'], faults: ['switchover', 'cut'], modes: ['sync'] },
    })
    expect(torture.optionsOf(['--cluster', 'patroni'])).toMatchObject({
      cluster: { subjects: subjectNames, modes: ['async', 'sync'], through: 'haproxy', times: 1 },
    })
  })

  test.each([
    ['--cluster repmgr', "--cluster knows no 'repmgr': use patroni."],
    ['--cluster patroni --seconds 5', '--seconds says nothing with --cluster'],
    ['--cluster patroni --faults restart', "--faults knows no 'restart'"],
    ['--times 3', '--mode, --through and --times are for --cluster patroni.'],
    ['--mode sync', '--mode, --through and --times are for --cluster patroni.'],
  ])('%s is refused', (argv, message) => {
    expect(() => torture.optionsOf(argv.split(' '))).toThrow(message)
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
