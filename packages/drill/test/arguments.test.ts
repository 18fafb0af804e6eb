import { describe, expect, it } from 'vitest'
import { help, orderOf } from '../src/arguments.ts'

const url = 'postgres://app@localhost/shop'
const least = ['--url', url, '--application-name', 'shop']

it('the least that is asked for has careful defaults', () => {
  expect(orderOf(least, {})).toEqual({
    do: 'drill',
    url,
    applicationName: 'shop',
    signal: 'terminate',
    only: undefined,
    rate: 1,
    lasting: 60_000,
    counters: undefined,
    report: 'drill.html',
    yes: false,
    dryRun: false,
  })
})

it('all that can be asked for is heeded', () => {
  const all = [
    ...['--kill', '30/m', '--for', '2m', '--signal', 'cancel', '--only', 'in-commit'],
    ...['--counters', 'http://localhost:9090', '--report', 'r.html', '-y', '--dry-run'],
  ]
  expect(orderOf([...least, ...all], {})).toMatchObject({
    rate: 0.5,
    lasting: 120_000,
    signal: 'cancel',
    only: 'in-commit',
    counters: 'http://localhost:9090',
    report: 'r.html',
    yes: true,
    dryRun: true,
  })
  expect(orderOf(['check', '--token-table', 'a.b'], { DATABASE_URL: url })).toEqual({
    do: 'check',
    url,
    tokenTable: 'a.b',
  })
})

it('help is what is answered to nothing, and fits a terminal', () => {
  for (const argv of [[], ['--help'], ['check', '--help']]) {
    expect(orderOf(argv, {})).toEqual({ do: 'help' })
  }
  for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})

describe('bad input is answered by one sentence', () => {
  it.each([
    [
      ['--application-name', 'a'],
      'drill needs a database: pass --url postgres://…, or set DATABASE_URL.',
    ],
    [
      ['--url', 'mysql://x', '--application-name', 'a'],
      '--url must be a URL that begins with postgres://.',
    ],
    [['--url', url], 'pass --application-name'],
    [['--url', url, '--application-name', ''], 'pass --application-name'],
    [
      ['--url', url, '--application-name', 'reprise-drill'],
      "'reprise-drill' is the drill's own name.",
    ],
    [[...least, '--kill', '2'], "--kill takes a rate, such as 2/s or 30/m, and not '2'."],
    [[...least, '--kill', '0/s'], "--kill takes a rate, such as 2/s or 30/m, and not '0/s'."],
    [[...least, '--kill', '51/s'], '--kill takes 50/s at most.'],
    [[...least, '--for', '60'], "--for takes a time, such as 90s or 5m, and not '60'."],
    [[...least, '--for', '1441m'], '--for takes 1440m, a day, at most.'],
    [[...least, '--signal', 'kill'], "--signal takes terminate, cancel, and not 'kill'."],
    [
      [...least, '--only', 'all'],
      "--only takes in-transaction, in-commit, idle, active, and not 'all'.",
    ],
    [
      [...least, '--counters', 'localhost'],
      '--counters must be a URL that begins with http:// or https://.',
    ],
    [[...least, '--speed', '1'], "drill does not know '--speed': use some of --url, "],
    [[...least, 'now'], "drill does not know 'now': use some of --url, "],
    [[...least, '--for'], '--for takes a value: see --help.'],
    [[...least, '--for', '--yes'], '--for takes a value: see --help.'],
    [[...least, '--yes=1'], '--yes takes no value.'],
    [
      ['check', '--kill', '1/s'],
      "drill does not know '--kill': use some of --url, --help, --token-table.",
    ],
  ])('%j', (argv, sentence) => {
    expect(() => orderOf(argv, {})).toThrow(sentence)
  })
})
