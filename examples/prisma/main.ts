import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { diagnose } from '@reprise/prisma'
import { type Order, openBank, Refusal } from './bank.ts'

const url = process.env.DATABASE_URL
if (url === undefined)
  throw new Error('Set DATABASE_URL to a database with the tables of schema.sql.')

const bank = openBank(url)
await bank.seed()

const server = createServer(async (request, response) => {
  const { status, body } = await answer(request)
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
await once(server, 'listening')
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)

process.once('SIGTERM', () => {
  server.close(() => void bank.close())
  server.closeIdleConnections()
})

async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
  if (request.method !== 'POST' || request.url !== '/transfer') {
    return { status: 404, body: { error: 'POST /transfer is all there is' } }
  }
  try {
    return { status: 201, body: await bank.transfer(orderOf(await json(request))) }
  } catch (error) {
    if (error instanceof Refusal || error instanceof TypeError) {
      return { status: 422, body: { error: error.message } }
    }
    // What became of the work: only in-doubt work has to be looked up before it is asked for again.
    const loss = diagnose(error)
    return loss === undefined
      ? { status: 500, body: { error: String(error) } }
      : { status: 503, body: { error: String(error), outcome: loss.outcome, advice: loss.advice } }
  }
}

function orderOf(body: unknown): Order {
  const { token, source, target, amount } = (body ?? {}) as Partial<Order>
  if (typeof token !== 'string') throw new TypeError('token must be a uuid')
  for (const [name, value] of Object.entries({ source, target, amount })) {
    if (!Number.isInteger(value)) throw new TypeError(`${name} must be a whole number`)
  }
  return { token, source: source as number, target: target as number, amount: amount as number }
}
