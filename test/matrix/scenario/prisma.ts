import { PrismaPg } from '@prisma/adapter-pg'
import { reprise as atPool } from '@reprise/pg'
import { isReprised, reprise, repriseAdapter, rerunnable } from '@reprise/prisma'
import { changes, type Opened, type Request, type Transfer, think } from './opened.ts'

interface Tx {
  account: {
    findUniqueOrThrow(query: { where: { id: number } }): Promise<object>
    update(query: { where: { id: number }; data: object }): Promise<object>
  }
  transfer: { create(query: { data: Transfer }): Promise<object> }
}

interface PrismaClient extends Tx {
  $transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  $disconnect(): Promise<void>
}

interface Generated {
  PrismaClient: new (options: { adapter: unknown }) => PrismaClient
}

export async function open({ url, door, max, options }: Request): Promise<Opened> {
  // Where the generator of this line has put it.
  const { PrismaClient } = (await import(process.env.GENERATED ?? '')) as Generated
  const config = { connectionString: url, max }
  const prisma =
    door === 'door'
      ? reprise()(new PrismaClient({ adapter: repriseAdapter(config, options) }))
      : new PrismaClient({ adapter: new PrismaPg({ ...config, ...atPool(options) }) })
  return {
    reprised: isReprised(prisma),
    async transfer(order) {
      await prisma.$transaction(
        rerunnable(async (tx: Tx) => {
          await tx.account.findUniqueOrThrow({ where: { id: order.source } })
          await think()
          for (const [id, by] of changes(order)) {
            await tx.account.update({
              where: { id },
              data: { balance: { increment: by }, version: { increment: 1 } },
            })
          }
          await tx.transfer.create({ data: order })
        }),
      )
    },
    async insert(order) {
      await prisma.transfer.create({ data: order })
    },
    close: () => prisma.$disconnect(),
  }
}
