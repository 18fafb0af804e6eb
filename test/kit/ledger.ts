import { Admin } from './admin.ts'
import { outcomeOf } from './outcome-of.ts'
import type { Server } from './server.ts'

/** What became of everything that an application was told. All counts are of tokens. */
export interface Audit {
  /** Transfers that the application was told had been made. */
  readonly acknowledged: number
  /** Transfers that the application was told had failed. */
  readonly rejected: number
  /** Said to be made (by success, or by an error with outcome `committed`), yet not in the table. */
  readonly lost: number
  /** Said to be made and not in the table, but in that of the server which said so and died of it. */
  readonly lostByServer: number
  /** In the table more than once. */
  readonly duplicated: number
  /** Said to have failed, yet in the table. */
  readonly appliedThoughRejected: {
    /** The error said that it was in doubt or committed. */
    readonly honest: number
    /** The error said otherwise, or nothing. */
    readonly dishonest: number
  }
  /** In the table, and the application was never told anything. */
  readonly unreported: number
  /** Whether the accounts together hold what they held at first. */
  readonly sumKept: boolean
  /** Whether each single balance is what the rows of the transfer table make it. */
  readonly explained: boolean
}

/** What an audit says when every word was kept, apart from how many transfers there were. */
export const exactAudit: Omit<Audit, 'acknowledged' | 'rejected'> = {
  lost: 0,
  lostByServer: 0,
  duplicated: 0,
  appliedThoughRejected: { honest: 0, dishonest: 0 },
  unreported: 0,
  sumKept: true,
  explained: true,
}

/** Tokens that are somewhere. */
export interface Tokens {
  has(token: string): boolean
}

interface Rejection {
  readonly error: unknown
}

const opening = 1000

/**
 * The truth that an experiment is judged by. Accounts with a conserved sum, and one row per transfer
 * with a token that its client made; the token is deliberately not unique, so that a write which was
 * done twice shows itself.
 */
export class Ledger {
  /** The database that holds it. */
  readonly url: string
  /** How many accounts there are; their ids run from 1. */
  readonly accounts: number
  readonly #admin: Admin
  readonly #told: Map<string, 'acknowledged' | Rejection> = new Map()

  private constructor(server: Pick<Server, 'running'>, url: string, accounts: number) {
    this.url = url
    this.accounts = accounts
    this.#admin = new Admin(url, () => server.running)
  }

  /**
   * Creates `account(id int primary key, balance bigint, version int)` with `accounts` rows (default
   * 10) of balance 1000 and version 0, and an empty `transfer(token uuid, source int, target int,
   * amount int)`.
   */
  static async create(
    server: Pick<Server, 'running'>,
    databaseUrl: string,
    { accounts = 10 }: { accounts?: number | undefined } = {},
  ): Promise<Ledger> {
    const ledger = new Ledger(server, databaseUrl, accounts)
    try {
      await ledger.#admin.sql(`
        create table account (id int primary key, balance bigint not null, version int not null);
        create table transfer
          (token uuid not null, source int not null, target int not null, amount int not null);
        insert into account select id, ${opening}, 0 from generate_series(1, ${Number(accounts)}) id`)
    } finally {
      await ledger.#admin.close()
    }
    return ledger
  }

  /** The application was told that this transfer is made. The last word about a token counts. */
  acknowledged(token: string): void {
    this.#told.set(token.toLowerCase(), 'acknowledged')
  }

  /** The application was told, by this error, that this transfer failed. The last word counts. */
  rejected(token: string, error: unknown): void {
    this.#told.set(token.toLowerCase(), { error })
  }

  /**
   * Compares what was told with what is in the database. Nothing may be running any more.
   *
   * @param dead the tokens in the table of a server that was replaced: what its successor never got is
   *   not blamed on whoever believed it
   */
  async audit(dead: Tokens = new Set()): Promise<Audit> {
    try {
      const rows = await this.#admin.sql(
        'select token::text as token, count(*)::int as times from transfer group by token',
      )
      const times = new Map(rows.map((row) => [String(row.token), Number(row.times)]))
      return { ...this.#judge(times, dead), ...(await this.#balances()) }
    } finally {
      await this.#admin.close()
    }
  }

  #judge(times: ReadonlyMap<string, number>, dead: Tokens): Omit<Audit, 'sumKept' | 'explained'> {
    let acknowledged = 0
    let lost = 0
    let lostByServer = 0
    let honest = 0
    let dishonest = 0
    for (const [token, told] of this.#told) {
      const present = times.has(token)
      const claim = told === 'acknowledged' ? 'committed' : outcomeOf(told.error)
      if (told === 'acknowledged') acknowledged++
      else if (present && (claim === 'in-doubt' || claim === 'committed')) honest++
      else if (present) dishonest++
      if (claim !== 'committed' || present) continue
      if (dead.has(token)) lostByServer++
      else lost++
    }
    return {
      acknowledged,
      rejected: this.#told.size - acknowledged,
      lost,
      lostByServer,
      duplicated: [...times.values()].filter((count) => count > 1).length,
      appliedThoughRejected: { honest, dishonest },
      unreported: [...times.keys()].filter((token) => !this.#told.has(token)).length,
    }
  }

  async #balances(): Promise<Pick<Audit, 'sumKept' | 'explained'>> {
    const [row] = await this.#admin.sql(
      `select coalesce(sum(balance), 0) = $1 as kept,
              coalesce(bool_and(balance = ${opening}
                + (select coalesce(sum(amount), 0) from transfer where target = id)
                - (select coalesce(sum(amount), 0) from transfer where source = id)), true) as explained
         from account`,
      [opening * this.accounts],
    )
    return { sumKept: row?.kept === true, explained: row?.explained === true }
  }
}
