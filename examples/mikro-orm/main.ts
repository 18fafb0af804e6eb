import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { type EntityManager, LockMode, MikroORM, RequestContext } from '@mikro-orm/postgresql'
import { diagnose, RepriseSubscriber, reprise, rerunnable } from '@reprise/mikro-orm'
import { Account, Transfer } from './entities.ts'

interface Order {
  readonly token: string
  readonly source: number
  readonly target: number
  readonly amount: number
}

const { DATABASE_URL: clientUrl, PORT = '3000', VERBOSE } = process.env
if (clientUrl === undefined) {
  console.error('Set DATABASE_URL to a PostgreSQL database.')
  process.exit(2)
}

const orm = await MikroORM.init(
  reprise({
    clientUrl,
    entities: [Account, Transfer],
    subscribers: VERBOSE === undefined ? [] : [RepriseSubscriber],
  }),
)
await orm.schema.update({ safe: true })

/** Moves money. It does nothing outside its transaction, so it may be run again. */
function moving({ token, source, target, amount }: Order) {
  return rerunnable(async (em: EntityManager) => {
    // Locked in one order, so that two transfers never wait for each other.
    const accounts = await em.find(
      Account,
      { id: { $in: [source, target] } },
      { lockMode: LockMode.PESSIMISTIC_WRITE, orderBy: { id: 'asc' } },
    )
    const from = accounts.find(({ id }) => id === source)
    const to = accounts.find(({ id }) => id === target)
    if (from === undefined || to === undefined) return 404
    if (from.balance < amount) return 409
    from.balance -= amount
    to.balance += amount
    em.create(Transfer, { token, source, target, amount })
    return 201
  })
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'GET' && request.url === '/accounts') {
    return answer(response, 200, await orm.em.find(Account, {}, { orderBy: { id: 'asc' } }))
  }
  if (request.method !== 'POST' || request.url !== '/transfers') return answer(response, 404)
  const order = await orderIn(request)
  if (order === undefined) return answer(response, 400)
  answer(response, await orm.em.transactional(moving(order)))
}

async function orderIn(request: IncomingMessage): Promise<Order | undefined> {
  const order = (await json(request).catch(() => undefined)) as Partial<Order> | undefined
  const { token, source, target, amount } = order ?? {}
  const sound =
    typeof token === 'string' &&
    Number.isSafeInteger(source) &&
    Number.isSafeInteger(target) &&
    Number.isSafeInteger(amount) &&
    Number(amount) > 0 &&
    source !== target
  return sound ? (order as Order) : undefined
}

function answer(response: ServerResponse, status: number, body?: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

const server = createServer((request, response) => {
  RequestContext.create(orm.em, () => handle(request, response)).catch((error) => {
    const loss = diagnose(error)
    if (loss === undefined) console.error(error)
    answer(response, loss === undefined ? 500 : 503, loss)
  })
})

server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  console.log(`listening on ${typeof address === 'object' ? address?.port : address}`)
})

process.once('SIGTERM', () => {
  server.close(() => void orm.close())
  server.closeIdleConnections()
})
