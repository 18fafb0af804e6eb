import { pathToFileURL } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { repriseAdapter, reprise as throughDoor } from '@reprise/prisma'
import { declared, door } from './door.ts'
import { generate } from './prisma/generate.ts'
import type { Account, Operations, Row, Subject, Transfer } from './subject.ts'
import { withTransfer } from './transfer.ts'

type AccountRow = Omit<Account, 'balance'> & { readonly balance: bigint }

/** The part of the generated client that is used here; the client itself does not exist before it is generated. */
interface Client {
  account: {
    findUniqueOrThrow(query: { where: { id: number } }): Promise<AccountRow>
    update(query: {
      where: { id: number }
      data: { balance: { increment: number }; version: { increment: number } }
    }): Promise<AccountRow>
  }
  transfer: { create(query: { data: Transfer }): Promise<Transfer> }
  $queryRawUnsafe(sql: string): Promise<Row[]>
}

interface PrismaClient extends Client {
  $transaction<T>(work: (tx: Client) => Promise<T>, limits?: typeof patient): Promise<T>
  $disconnect(): Promise<void>
}

interface Generated {
  PrismaClient: new (options: { adapter: unknown }) => PrismaClient
}

/** As the README asks of those who would wait for a restart. */
const patient = { maxWait: 30_000, timeout: 30_000 }

/** Prisma on `@prisma/adapter-pg`, with interactive transactions. */
export const prisma: Subject = {
  name: 'prisma',
  async prepare() {
    await generate()
  },
  async open({ url, reprise, max = 10, through = 'line', rerunnable }) {
    const { PrismaClient } = (await import(pathToFileURL(await generate()).href)) as Generated
    const config = { connectionString: url, max }
    const client =
      reprise === false || through === 'line'
        ? new PrismaClient({ adapter: new PrismaPg({ ...config, ...door(reprise) }) })
        : throughDoor(reprise)(new PrismaClient({ adapter: repriseAdapter(config, reprise) }))
    return withTransfer({
      ...operations(client),
      transaction: (work) =>
        client.$transaction(
          declared(rerunnable, (tx) => work(operations(tx))),
          rerunnable ? patient : undefined,
        ),
      close: () => client.$disconnect(),
    })
  },
}

function operations(client: Client): Operations {
  return {
    async read(id) {
      const row = await client.account.findUniqueOrThrow({ where: { id } })
      return { ...row, balance: Number(row.balance) }
    },
    async add(id, by) {
      await client.account.update({
        where: { id },
        data: { balance: { increment: by }, version: { increment: 1 } },
      })
    },
    async insert({ token, source, target, amount }) {
      await client.transfer.create({ data: { token, source, target, amount } })
    },
    raw: (sql) => client.$queryRawUnsafe(sql),
  }
}
