import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { counters, diagnose, reprise, rerunnable } from '@reprise/kysely'
import { type ColumnType, Kysely, sql } from 'kysely'
import pg from 'pg'

interface Schema {
  /** node-postgres hands out a bigint as a string. */
  account: { id: number; balance: ColumnType<string, number, number>; version: number }
  transfer: Transfer
}

interface Transfer {
  readonly token: string
  readonly source: number
  readonly target: number
  readonly amount: number
}

class Refused extends Error {}

// The only line that knows of Reprise, but for rerunnable(), counters() and diagnose() below.
const db = new Kysely<Schema>(
  reprise({ pool: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 8 }) }),
)

/** Moves money. Nothing is done outside the transaction, so it may be run again from its start. */
function transfer({ token, source, target, amount }: Transfer): Promise<{ balance: number }> {
  return db.transaction().execute(
    rerunnable(async (trx) => {
      const [first, second] = source < target ? [source, target] : [target, source]
      // Always in one order, so that two transfers wait for each other and never deadlock.
      const accounts = await trx
        .selectFrom('account')
        .select(['id', 'balance'])
        .where('id', 'in', [first, second])
        .orderBy('id')
        .forUpdate()
        .execute()
      const payer = accounts.find(({ id }) => id === source)
      if (payer === undefined || accounts.length < 2) throw new Refused('no such account')
      const balance = Number(payer.balance) - amount
      if (balance < 0) throw new Refused('not enough money')
      const changes = [
        { id: source, by: -amount },
        { id: target, by: amount },
      ]
      for (const { id, by } of changes) {
        await trx
          .updateTable('account')
          .set({ balance: sql<number>`balance + ${by}`, version: sql<number>`version + 1` })
          .where('id', '=', id)
          .execute()
      }
      await trx.insertInto('transfer').values({ token, source, target, amount }).execute()
      return { balance }
    }),
  )
}

async function answer(request: IncomingMessage): Promise<unknown> {
  if (request.method === 'POST' && request.url === '/transfers') {
    return transfer(read(await body(request)))
  }
  if (request.method === 'GET' && request.url === '/accounts') {
    return db.selectFrom('account').select(['id', 'balance']).orderBy('id').execute()
  }
  // For a monitor, and for the drill.
  if (request.method === 'GET' && request.url === '/counters') return counters()
  throw new Refused('there are only POST /transfers, GET /accounts and GET /counters')
}

async function body(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

function read(text: string): Transfer {
  const order = JSON.parse(text) as Transfer
  const numbers = [order.source, order.target, order.amount]
  const good = numbers.every((number) => Number.isSafeInteger(number) && number > 0)
  if (!good || typeof order.token !== 'string' || order.source === order.target) {
    throw new Refused('a transfer is { token, source, target, amount }')
  }
  return order
}

function reply(response: ServerResponse, status: number, content: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content))
}

const server = createServer((request, response) => {
  answer(request).then(
    (content) => reply(response, 200, content),
    (error: Error) => {
      if (error instanceof Refused) return reply(response, 400, { error: error.message })
      // Whoever asks learns what became of the transfer, and not only that something failed.
      const { outcome, advice } = diagnose(error) ?? {}
      return reply(response, 503, { error: error.message, outcome, advice })
    },
  )
})

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
await once(server, 'listening')
console.log(`listening on ${(server.address() as AddressInfo).port}`)
process.once('SIGTERM', () => server.close(() => void db.destroy()))
