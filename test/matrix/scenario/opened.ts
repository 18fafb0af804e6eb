import { setTimeout as sleep } from 'node:timers/promises'

/** One bank transfer. The ledger knows it by its token. */
export interface Transfer {
  readonly token: string
  readonly source: number
  readonly target: number
  readonly amount: number
}

/** A client under test. */
export interface Opened {
  /** What `isReprised` says of it. */
  readonly reprised: boolean
  /** One transaction that reads, thinks, changes two accounts and records the transfer. */
  transfer(order: Transfer): Promise<void>
  /** One insert that commits by itself. */
  insert(order: Transfer): Promise<void>
  close(): Promise<void>
}

/** How to open it. */
export interface Request {
  readonly url: string
  readonly door: string
  /** Connections in its pool. */
  readonly max: number
  /** What Reprise is given. */
  readonly options: { readonly witness?: 'off' }
}

/** Long enough for a kill to come between two statements. */
export function think(): Promise<void> {
  return sleep(Math.random() * 6)
}

/** The changes of a transfer, in an order that cannot deadlock. */
export function changes({ source, target, amount }: Transfer): readonly [number, number][] {
  const both: [number, number][] = [
    [source, -amount],
    [target, amount],
  ]
  return both.sort(([left], [right]) => left - right)
}
