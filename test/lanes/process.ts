// The process of a lane: a client that takes its process down takes down this one and nothing else.
import { enableCompileCache } from 'node:module'
import type { LaneOrder, ToLane } from './messages.ts'

// A lane that crashes is started again at once, and should not pay for compiling every time.
enableCompileCache()

// Typed at the terminal, an interrupt reaches this process too; ours to stop is its parent.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())

const order = await new Promise<LaneOrder>((resolve) => {
  process.once('message', (message: ToLane) => {
    if (message.is === 'order') resolve(message.order)
  })
})
const { run } = await import('./run.ts')
await run(order)
process.disconnect()
