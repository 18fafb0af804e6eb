import { reprise, repriseAdapter, rerunnable } from '@reprise/prisma'
import { type Prisma, PrismaClient } from './generated/client.ts'

/** One order to move money; its token is made by whoever gives it. */
export interface Order {
  readonly token: string
  readonly source: number
  readonly target: number
  readonly amount: number
}

/** There is not enough money. */
export class Refusal extends Error {}

/** Opens the bank on a database. */
export function openBank(connectionString: string): Bank {
  const adapter = repriseAdapter({ connectionString, max: 8 })
  // Applied as a function, reprise() leaves the type of the client as it is.
  return new Bank(reprise()(new PrismaClient({ adapter })))
}

/** A bank whose every transfer is one transaction. */
export class Bank {
  readonly #prisma: PrismaClient

  constructor(prisma: PrismaClient) {
    this.#prisma = prisma
  }

  /** Makes ten accounts, unless they are there. */
  async seed(): Promise<void> {
    const data = Array.from({ length: 10 }, (_, i) => ({ id: i + 1, balance: 1000 }))
    await this.#prisma.account.createMany({ data, skipDuplicates: true })
  }

  /**
   * Moves money. The callback does nothing that could not be done again, and says so: where a lost
   * transaction cannot be carried on, it is run again from its start.
   */
  async transfer(order: Order): Promise<{ readonly id: number; readonly balance: number }> {
    const { source, target, amount } = order
    return this.#prisma.$transaction(
      rerunnable(async (tx: Prisma.TransactionClient) => {
        // In ascending order, so that two transfers never wait for each other.
        for (const id of [source, target].sort((a, b) => a - b)) {
          const change = id === source ? -amount : amount
          const data = { balance: { increment: change }, version: { increment: 1 } }
          await tx.account.update({ where: { id }, data })
        }
        const { balance } = await tx.account.findUniqueOrThrow({ where: { id: source } })
        if (balance < 0) throw new Refusal(`account ${source} has not got ${amount}`)
        const { id } = await tx.transfer.create({ data: { ...order } })
        return { id, balance: Number(balance) }
      }),
      { maxWait: 30_000, timeout: 30_000 },
    )
  }

  close(): Promise<void> {
    return this.#prisma.$disconnect()
  }
}
