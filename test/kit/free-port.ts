import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * A loopback port that is free now and that the kernel gives to nobody by itself.
 *
 * A server that is down for a moment must find its port again, so the port lies below the range of
 * ephemeral ports. Inside that range, any outgoing connection could take it, and a client that
 * reconnects in a loop can even connect to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000)
    if (await canListen(port)) return port
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
