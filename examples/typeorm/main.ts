import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { explain, openBank, Transfer, transfer } from './bank.ts'

const { DATABASE_URL: url = 'postgres://localhost/bank', PORT: port = '3000' } = process.env
const bank = await openBank(url)

const server = createServer(async (request, response) => {
  const answer = (status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  if (request.method !== 'POST' || request.url !== '/transfer') return answer(404, {})
  try {
    const order = Object.assign(new Transfer(), await read(request))
    await transfer(bank, order)
    answer(200, { token: order.token })
  } catch (error) {
    const { status, body } = explain(error)
    answer(status, body)
  }
})

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => server.close(() => bank.destroy()))
}

async function read(request: IncomingMessage): Promise<Partial<Transfer>> {
  let text = ''
  for await (const chunk of request) text += chunk
  return JSON.parse(text)
}
