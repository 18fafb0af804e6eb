import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Proxy, type Server } from '../kit/index.ts'

/** What the process of a slow wire is told, and what it answers. */
interface Order {
  readonly port: number
  readonly latency: number
}

/** The way to a server that is further away than it looks. */
export interface SlowWire {
  url(databaseUrl: string): string
  close(): Promise<void>
}

/**
 * Puts a proxy in front of a server that adds so many milliseconds to each round trip. It is a process
 * of its own: what it uses is neither the client's CPU nor the server's.
 */
export async function slowWire(server: Server, latency: number): Promise<SlowWire> {
  const child = fork(import.meta.filename, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const order: Order = { port: server.port, latency }
  child.send(order)
  const [port] = (await once(child, 'message')) as [number]
  return {
    url(databaseUrl) {
      const url = new URL(databaseUrl)
      url.port = String(port)
      return url.href
    },
    async close() {
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}

if (import.meta.main) {
  process.on('SIGINT', () => {})
  process.on('disconnect', () => process.exit())
  const [{ port, latency }] = (await once(process, 'message')) as [Order]
  const proxy = await Proxy.start({ host: '127.0.0.1', port }, { latency })
  process.send?.(proxy.port)
}
