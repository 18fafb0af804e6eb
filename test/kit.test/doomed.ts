import { Server } from '../kit/index.ts'

// Run as a process of its own: starts a server, says where, and ends in the way it was asked to.
const server = await Server.start()
process.stdout.write(`${JSON.stringify({ pid: server.pid, directory: server.directory })}\n`)

const ways: Record<string, () => void> = {
  exit: () => process.exit(0),
  exception: () =>
    setImmediate(() => {
      throw new Error('on purpose')
    }),
}
ways[process.argv[2] ?? '']?.()
