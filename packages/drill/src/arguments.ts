import { parseArgs } from 'node:util'
import { Misuse } from './misuse.ts'
import { application } from './server.ts'

/** What is done to a backend. */
export type Signal = 'terminate' | 'cancel'

/** Which backends are hit: those that were in this when they were looked for. */
export type Only = 'in-transaction' | 'in-commit' | 'idle' | 'active'

/** What a drill was told to do. */
export interface DrillOrder {
  readonly url: string
  readonly applicationName: string
  readonly signal: Signal
  readonly only: Only | undefined
  /** Backends a second, at most. */
  readonly rate: number
  /** Milliseconds. */
  readonly lasting: number
  /** Where the application tells its counters. */
  readonly counters: string | undefined
  /** Where the report goes. */
  readonly report: string
  readonly yes: boolean
  readonly dryRun: boolean
}

/** What a check was told to do. */
export interface CheckOrder {
  readonly url: string
  /** The name of a table of tokens, to be looked at. */
  readonly tokenTable: string | undefined
}

/** What the command line asks for. */
export type Order =
  | { readonly do: 'help' }
  | ({ readonly do: 'drill' } & DrillOrder)
  | ({ readonly do: 'check' } & CheckOrder)

/** More than this hurts more than a real outage does. */
const fastest = 50
const longest = 24 * 60 * 60 * 1000

const shared = {
  url: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

const drilling = {
  ...shared,
  'application-name': { type: 'string' },
  kill: { type: 'string' },
  for: { type: 'string' },
  signal: { type: 'string' },
  only: { type: 'string' },
  counters: { type: 'string' },
  report: { type: 'string' },
  yes: { type: 'boolean', short: 'y' },
  'dry-run': { type: 'boolean' },
} as const

const checking = { ...shared, 'token-table': { type: 'string' } } as const

/** The help page. */
export const help = `drill: ends an application's database connections, and says what it noticed

  drill --url postgres://… --application-name app [--kill 2/s] [--for 60s]
  drill check --url postgres://…

  --url URL                the database, as a role that may signal the backends
                           (the application's own, or with pg_signal_backend);
                           default: the environment's DATABASE_URL
  --application-name NAME  whose backends; never a superuser's, nor replication
  --kill N/s               how many a second at most, or N/m (default 1/s)
  --for TIME               how long: 90s, 5m (default 60s)
  --signal WHAT            terminate (default), or cancel what is executed
  --only WHICH             in-transaction, in-commit, idle or active
  --counters URL           where the application tells counters() of @reprise/pg
  --report FILE            where the HTML report goes (default drill.html)
  --dry-run                show what would be hit, and touch nothing
  -y, --yes                do not ask first

  check --token-table NAME also looks at the table of witness: { token }

Exit code: 0 nothing surfaced, 1 errors surfaced or a check failed, 2 misuse.`

/**
 * Reads the command line.
 * @param environment for DATABASE_URL
 * @throws Misuse with one sentence
 */
export function orderOf(argv: readonly string[], environment: NodeJS.ProcessEnv): Order {
  const [first, ...rest] = argv
  const checks = first === 'check'
  const typed = checks ? read(rest, checking) : read(argv, drilling)
  if (typed.help === true || argv.length === 0) return { do: 'help' }
  const url = databaseUrl(text(typed.url) ?? environment.DATABASE_URL)
  if (checks) return { do: 'check', url, tokenTable: text(typed['token-table']) }
  return {
    do: 'drill',
    url,
    applicationName: nameOf(text(typed['application-name'])),
    signal: oneOf('signal', text(typed.signal), ['terminate', 'cancel']) ?? 'terminate',
    only: oneOf('only', text(typed.only), ['in-transaction', 'in-commit', 'idle', 'active']),
    rate: rateOf(text(typed.kill) ?? '1/s'),
    lasting: timeOf(text(typed.for) ?? '60s'),
    counters: countersUrl(text(typed.counters)),
    report: text(typed.report) ?? 'drill.html',
    yes: typed.yes === true,
    dryRun: typed['dry-run'] === true,
  }
}

type Typed = { readonly [name: string]: string | boolean | undefined }

function read(args: readonly string[], options: typeof drilling | typeof checking): Typed {
  const config = { args: [...args], options, strict: false, tokens: true } as const
  const { values, tokens } = parseArgs(config)
  const known: { readonly [name: string]: { readonly type: string } } = options
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    const odd = token.kind === 'option' ? token.rawName : token.value
    if (token.kind === 'positional' || !Object.hasOwn(known, token.name)) {
      const names = Object.keys(known).map((name) => `--${name}`)
      throw new Misuse(`drill does not know '${odd}': use some of ${names.join(', ')}.`)
    }
    const takesValue = known[token.name]?.type === 'string'
    if (!takesValue && token.value !== undefined) throw new Misuse(`${odd} takes no value.`)
    if (takesValue && (token.value ?? '-').startsWith('-')) {
      throw new Misuse(`${odd} takes a value: see --help.`)
    }
  }
  return values as Typed
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function databaseUrl(url: string | undefined): string {
  if (url === undefined) {
    throw new Misuse('drill needs a database: pass --url postgres://…, or set DATABASE_URL.')
  }
  if (/^postgres(?:ql)?:\/\//.test(url) && URL.canParse(url)) return url
  throw new Misuse('--url must be a URL that begins with postgres://.')
}

function countersUrl(url: string | undefined): string | undefined {
  if (url === undefined || (/^https?:\/\//.test(url) && URL.canParse(url))) return url
  throw new Misuse('--counters must be a URL that begins with http:// or https://.')
}

function nameOf(name: string | undefined): string {
  if (name === undefined || name === '') {
    throw new Misuse(
      'drill hits the backends of one application: pass --application-name, as the application has it in its connection.',
    )
  }
  if (name === application) throw new Misuse(`'${application}' is the drill's own name.`)
  return name
}

function rateOf(given: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)\/(s|m)$/.exec(given) ?? []
  const rate = Number(count) / (unit === 'm' ? 60 : 1)
  if (!(rate > 0)) throw new Misuse(`--kill takes a rate, such as 2/s or 30/m, and not '${given}'.`)
  if (rate > fastest) throw new Misuse(`--kill takes ${fastest}/s at most.`)
  return rate
}

function timeOf(given: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(s|m)$/.exec(given) ?? []
  const milliseconds = Number(count) * (unit === 'm' ? 60_000 : 1000)
  if (!(milliseconds > 0)) {
    throw new Misuse(`--for takes a time, such as 90s or 5m, and not '${given}'.`)
  }
  if (milliseconds > longest) throw new Misuse('--for takes 1440m, a day, at most.')
  return milliseconds
}

function oneOf<T extends string>(
  name: string,
  given: string | undefined,
  words: readonly T[],
): T | undefined {
  if (given === undefined) return undefined
  const found = words.find((word) => word === given)
  if (found !== undefined) return found
  throw new Misuse(`--${name} takes ${words.join(', ')}, and not '${given}'.`)
}
