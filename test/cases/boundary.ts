import { randomUUID } from 'node:crypto'
import { type RepriseOptions, reprise } from '@reprise/pg'
import pg from 'pg'
import { type Action, type Frame, outcomeOf, Proxy, type Server } from '../kit/index.ts'

/** What a scenario does with one client; it writes one row of `effect` with this token, once. */
export type Scenario = (client: pg.PoolClient, token: string) => Promise<void>

/** What happens at the chosen frame, before it is delivered. */
export type Fault = (frame: Frame, server: Server) => Promise<Action> | Action

/** What may happen to one connection. */
export const faults: Readonly<Record<string, Fault>> = {
  'a FIN before it': () => 'cut',
  'a reset before it': () => 'reset',
  'a reset behind it': () => 'pass-then-reset',
  'the loss of all answers from it on': () => 'swallow',
  'a freeze before it': () => 'freeze',
  'the termination of its backend': async (_frame, server): Promise<Action> => {
    await server.sql(
      "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE application_name = 'boundary'",
    )
    return 'pass'
  },
}

/** Without a transaction. */
export const statements: Readonly<Record<string, Scenario>> = {
  'an autocommit insert by the simple protocol': async (client, token) => {
    await client.query(`INSERT INTO effect (token) VALUES ('${token}')`)
  },
  'an autocommit insert with its answer': async (client, token) => {
    const { rows } = await client.query('INSERT INTO effect (token) VALUES ($1) RETURNING token', [
      token,
    ])
    if (rows[0]?.token !== token) throw new Error('the answer is not the one of this insert')
  },
}

/** In a transaction: no fault of a connection may leave a doubt about it. */
export const transactions: Readonly<Record<string, Scenario>> = {
  'a transaction that reads and writes': async (client, token) => {
    await client.query('BEGIN')
    await client.query('SELECT count(*) FROM effect WHERE token = $1', [token])
    await client.query('INSERT INTO effect (token) VALUES ($1)', [token])
    await client.query('UPDATE counter SET n = n + 1')
    await client.query('COMMIT')
  },
  'a transaction with a savepoint and an expected error': async (client, token) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SAVEPOINT s')
    await client.query('SELECT 1/0').catch((error) => {
      if (error.code !== '22012') throw error
    })
    await client.query('ROLLBACK TO SAVEPOINT s')
    await client.query('INSERT INTO effect (token) VALUES ($1)', [token])
    await client.query('COMMIT')
  },
}

/** What may happen to all of them: slower, so it is for one scenario each. */
export const disasters: Readonly<Record<string, Fault>> = {
  'the SIGKILL of its backend': async (_frame, server): Promise<Action> => {
    const [backend] = await server.sql(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'boundary'",
    )
    if (backend !== undefined) server.sigkill(Number(backend.pid))
    return 'pass'
  },
  'an immediate restart of the server': async (_frame, server): Promise<Action> => {
    await server.restart('immediate')
    return 'pass'
  },
}

/** What one run of a scenario left behind. */
export interface Verdict {
  readonly effects: number
  readonly error: unknown
  readonly outcome: string | undefined
}

/** A server behind a proxy, with the tables that the scenarios write. */
export class Range {
  readonly server: Server
  readonly proxy: Proxy
  readonly #url: string

  private constructor(server: Server, proxy: Proxy, url: string) {
    this.server = server
    this.proxy = proxy
    this.#url = url
  }

  static async open(server: Server): Promise<Range> {
    const url = await server.createDatabase()
    const admin = new pg.Client({ connectionString: url })
    await admin.connect()
    await admin.query(
      'CREATE TABLE effect (token uuid NOT NULL); CREATE TABLE counter AS SELECT 0 AS n',
    )
    await admin.end()
    return new Range(server, await Proxy.start(server), url)
  }

  async close(): Promise<void> {
    await this.proxy.close()
  }

  /** Runs a scenario once for each (or each n-th) of its frames, with the fault there. */
  async everywhere(
    work: Scenario,
    fault: Fault,
    options: RepriseOptions,
    step = 1,
  ): Promise<Verdict[]> {
    const verdicts: Verdict[] = []
    const frames = await this.frames(work)
    for (let at = 0; at < frames; at += step)
      verdicts.push(await this.run(work, at, fault, options))
    return verdicts
  }

  /** Runs a scenario undisturbed, and says how many frames it has after its connection's start. */
  async frames(scenario: Scenario): Promise<number> {
    let count = 0
    await this.#run(scenario, {}, (_frame, index) => {
      count = index + 1
      return 'pass'
    })
    return count
  }

  /** Runs a scenario with one fault at one frame of its first connection. */
  run(scenario: Scenario, at: number, fault: Fault, options: RepriseOptions): Promise<Verdict> {
    let happening: Promise<Action> | undefined
    return this.#run(
      scenario,
      options,
      (frame, index) => {
        if (happening !== undefined || index !== at) return 'pass'
        happening = Promise.resolve(fault(frame, this.server))
        return happening
      },
      // A scenario may be over before the fault is.
      () => happening,
    )
  }

  async #run(
    scenario: Scenario,
    options: RepriseOptions,
    listener: (frame: Frame, index: number) => Promise<Action> | Action,
    settled: () => Promise<unknown> | undefined = () => undefined,
  ): Promise<Verdict> {
    const token = randomUUID()
    const pool = new pg.Pool({
      connectionString: this.proxy.url(this.#url),
      application_name: 'boundary',
      max: 1,
      ...reprise({ backoff: { base: 1, cap: 20 }, probeAfter: 20, ...options }),
    })
    const client = await pool.connect()
    const first = Math.max(...this.proxy.connections.map((connection) => connection.id))
    let index = 0
    const forget = this.proxy.onFrame((frame) =>
      frame.connection === first ? listener(frame, index++) : 'pass',
    )
    let error: unknown
    try {
      await scenario(client, token)
    } catch (thrown) {
      error = thrown
      await client.query('ROLLBACK')
    }
    forget()
    await settled()
    client.release()
    const { rows } = await pool.query('SELECT count(*)::int AS n FROM effect WHERE token = $1', [
      token,
    ])
    await pool.end()
    return { effects: rows[0].n, error, outcome: outcomeOf(error) }
  }
}
