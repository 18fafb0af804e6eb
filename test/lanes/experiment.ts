import type { RepriseOptions } from '@reprise/core'
import { type Audit, Ledger, Server, type Tokens, Proxy as WireProxy } from '../kit/index.ts'
import type { SubjectName } from '../subjects/index.ts'
import { Lane } from './lane.ts'
import type { Workload } from './messages.ts'

/** A lane that takes part. */
export interface Entry {
  readonly subject: SubjectName
  readonly reprise: RepriseOptions | false
  readonly naiveRetry?: boolean
  readonly door?: boolean
}

/** How to set up an experiment. */
export interface ExperimentOptions {
  readonly entries: readonly Entry[]
  readonly workload: Workload
  readonly seed: number
  /** Whether each lane has a proxy between itself and the server. */
  readonly proxied?: boolean
}

/** A lane with the database that it has to itself. */
export interface Contestant {
  readonly lane: Lane
  readonly ledger: Ledger
  /** The name of the database. */
  readonly database: string
  /** What all of the lane's connections go through, where there is such a thing. */
  readonly proxy: WireProxy | undefined
}

/** What an experiment takes place on: a server, or a cluster of them. */
export interface Ground extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly running: boolean
  /** Creates a database with a random name and returns its url. */
  createDatabase(): Promise<string>
  /** The rows of one statement, as superuser. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** The tokens in the `transfer` of that database on a server that was replaced, once nothing changes any more. */
  lost?(database: string): Promise<Tokens>
}

/** What became of a lane. */
export interface Finding {
  readonly lane: Lane
  readonly audit: Audit
  /** Calls that never came back. */
  readonly hung: number
}

/** One real server, and lanes that work on it side by side, each in a process and a database of its own. */
export class Experiment<G extends Ground = Server> {
  readonly server: G
  readonly contestants: readonly Contestant[]
  readonly #clock: Clock

  private constructor(server: G, contestants: readonly Contestant[], clock: Clock) {
    this.server = server
    this.contestants = contestants
    this.#clock = clock
  }

  /** Starts the server and every lane; when it resolves, all clients are open and none has begun. */
  static async prepare(options: ExperimentOptions, signal: AbortSignal): Promise<Experiment> {
    const server = await Server.start({ settings: { max_connections: '300' } })
    return Experiment.on(server, options, signal)
  }

  /** The same on ground that is there already; it is disposed of with the experiment. */
  static async on<G extends Ground>(
    server: G,
    options: ExperimentOptions,
    signal: AbortSignal,
  ): Promise<Experiment<G>> {
    const { entries } = options
    const clock = new Clock()
    const contestants: Contestant[] = []
    const experiment = new Experiment(server, contestants, clock)
    try {
      for (const [at, entry] of entries.entries()) {
        signal.throwIfAborted()
        contestants.push(await enter(entry, at, options, server, () => clock.now))
      }
      await orAborted(Promise.all(contestants.map(({ lane }) => lane.start())), signal)
      return experiment
    } catch (error) {
      await experiment.dispose()
      throw error
    }
  }

  /** Milliseconds since the lanes began. */
  get now(): number {
    return this.#clock.now
  }

  /** Lets all lanes begin, at one moment. */
  go(): void {
    this.#clock.start()
    for (const { lane } of this.contestants) lane.go()
  }

  /** Lets all lanes finish, within a limit, and compares what they were told with what is there. */
  finish(limitMs: number, signal: AbortSignal): Promise<Finding[]> {
    return orAborted(this.#finish(limitMs), signal)
  }

  /** Ends every process that was started. */
  async dispose(): Promise<void> {
    await Promise.all(this.contestants.map(({ lane }) => lane.dispose()))
    await Promise.all(this.contestants.map(({ proxy }) => proxy?.close()))
    await this.server[Symbol.asyncDispose]()
  }

  async #finish(limitMs: number): Promise<Finding[]> {
    const hung = await Promise.all(this.contestants.map(({ lane }) => lane.stop(limitMs)))
    await Promise.all(this.contestants.map(({ lane }) => lane.dispose()))
    const findings: Finding[] = []
    for (const [at, { lane, ledger, database }] of this.contestants.entries()) {
      const dead = await this.server.lost?.(database)
      await this.#throwOut(database)
      findings.push({ lane, audit: await ledger.audit(dead), hung: hung[at] ?? 0 })
    }
    return findings
  }

  /** A backend does not hear at once that its client is gone, and what it is at must not come late. */
  async #throwOut(database: string): Promise<void> {
    await this.server.sql(
      'select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = $1',
      [database],
    )
  }
}

/** Stands at zero until it is started. */
class Clock {
  #began: number | undefined

  get now(): number {
    return this.#began === undefined ? 0 : performance.now() - this.#began
  }

  start(): void {
    this.#began = performance.now()
  }
}

async function enter(
  entry: Entry,
  at: number,
  { workload, seed, proxied }: ExperimentOptions,
  server: Ground,
  clock: () => number,
): Promise<Contestant> {
  const databaseUrl = await server.createDatabase()
  const ledger = await Ledger.create(server, databaseUrl, { accounts: workload.accounts })
  const proxy = proxied ? await WireProxy.start(server) : undefined
  const url = proxy?.url(databaseUrl) ?? databaseUrl
  const lane = new Lane({ ...entry, url, workload, seed: seed + 1000 * at }, ledger, clock)
  return { lane, ledger, database: new URL(databaseUrl).pathname.slice(1), proxy }
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort)
  return Promise.race([work, aborted.promise]).finally(() =>
    signal.removeEventListener('abort', abort),
  )
}
