// The process of a peer: eight callers that move money until they are told to stop.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { openPeer, type Transfer } from './peer-ways.ts'
import type { PeerOrder, PeerWord } from './peers.ts'

process.on('SIGINT', () => undefined)
process.on('disconnect', () => process.exit())
const callers = 8
const tell = (word: PeerWord): void => {
  process.send?.(word)
}
const [order] = (await once(process, 'message')) as [PeerOrder]
const transfer = await openPeer(order)
let stopped = false
let open = 0
process.once('message', () => {
  stopped = true
})
tell({ is: 'ready' })

async function caller(): Promise<void> {
  while (!stopped) {
    const source = 1 + Math.floor(Math.random() * (order.accounts - 1))
    const work: Transfer = { token: randomUUID(), source, target: source + 1, amount: 1 }
    open += 1
    tell({ is: 'began', token: work.token })
    try {
      await transfer(work)
      tell({ is: 'acknowledged', token: work.token })
    } catch (error) {
      const { outcome } = (error ?? {}) as { outcome?: unknown }
      tell({
        is: 'rejected',
        token: work.token,
        error: typeof outcome === 'string' ? { outcome } : {},
      })
      // Whoever fails at once should not do nothing but fail.
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    open -= 1
  }
}

await Promise.race([
  Promise.all(Array.from({ length: callers }, caller)),
  // A call that is still open so long after the stop will not come back.
  new Promise((resolve) => {
    const watch = setInterval(() => {
      if (!stopped) return
      clearInterval(watch)
      setTimeout(resolve, 20_000)
    }, 100)
  }),
])
tell({ is: 'done', hung: open })
setTimeout(() => process.exit(), 100)
