import type { RepriseOptions } from '@reprise/core'

/** The five clients, by the names that `--only` and `--subject` take. */
export const subjectNames = ['pg', 'prisma', 'kysely', 'typeorm', 'mikro-orm'] as const

export type SubjectName = (typeof subjectNames)[number]

/** One row of `account`. */
export interface Account {
  readonly id: number
  readonly balance: number
  readonly version: number
}

/** One bank transfer. The token is its id, made by the client: the ledger knows the transfer by it. */
export interface Transfer {
  readonly token: string
  readonly source: number
  readonly target: number
  readonly amount: number
}

/** A row as the client hands it out for SQL it was given as text. */
export type Row = Record<string, unknown>

/** What a client does the same way inside a transaction and outside of one. Failures are thrown, never swallowed. */
export interface Operations {
  /** One account, through the client's own find. */
  read(id: number): Promise<Account>
  /** `balance + by, version + 1`, through the client's own update. */
  add(id: number, by: number): Promise<void>
  /** One row of `transfer`, through the client's own create. */
  insert(row: Transfer): Promise<void>
  /** SQL as text, through the client's own escape hatch. */
  raw(sql: string): Promise<Row[]>
}

/** A client, open. Outside `transaction` every operation commits by itself. */
export interface Opened extends Operations {
  /** Runs the work in one transaction, through the client's real transaction API. */
  transaction<T>(work: (inside: Operations) => Promise<T>): Promise<T>
  /** One bank transfer in one transaction; `think` is called between what it reads and what it writes. */
  transfer(order: Transfer, think?: () => Promise<void>): Promise<void>
  close(): Promise<void>
}

/** How to open a client. */
export interface OpenRequest {
  readonly url: string
  /** The options of Reprise, or `false` for the client as its makers ship it. */
  readonly reprise: RepriseOptions | false
  /** The size of its pool. */
  readonly max?: number
  /** Whether Reprise is put in by the one line at the pool (the default), or by the ORM's own door. */
  readonly through?: 'line' | 'door'
  /** Whether the work of a transaction is declared as one that may be run again. */
  readonly rerunnable?: boolean
}

/** One client, set up as its documentation says and nothing more; with Reprise, by the one line at its pool, or through its door. */
export interface Subject {
  readonly name: SubjectName
  /** What has to exist before it can be opened. Safe to call from many processes at once. */
  prepare?(): Promise<void>
  open(request: OpenRequest): Promise<Opened>
}
