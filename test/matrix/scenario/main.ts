// Runs in a temporary project, on the versions that npm installed there. Says on standard output, a line
// of JSON each, what the application was told; ends when its standard input does.
import { randomUUID } from 'node:crypto'
import type { Opened, Request } from './opened.ts'

const [scenario = '', url = '', door = '', workers = '4', witness] = process.argv.slice(2)
const lanes = Number(workers)

const say = (word: object): void => {
  process.stdout.write(`${JSON.stringify(word)}\n`)
}

let going = true
process.stdin.on('end', () => {
  going = false
})
process.stdin.resume()

const { open } = (await import(`./${scenario}.ts`)) as { open(request: Request): Promise<Opened> }
const client = await open({ url, door, max: lanes, options: witness === 'off' ? { witness } : {} })
say({ is: 'ready', reprised: client.reprised })
await Promise.all(Array.from({ length: lanes }, (_, lane) => work(lane)))
await client.close()
say({ is: 'closed' })

/**
 * By the line, each worker keeps to two accounts of its own: what a replay reads, nobody else has changed.
 * Through a door, they share: a replay that answers differently is run again as a whole.
 */
async function work(lane: number): Promise<void> {
  const shares = door === 'rerun' || (door === 'door' && scenario !== 'pg')
  const [source, target] = shares ? [1 + (lane % 2), 3] : [2 * lane + 1, 2 * lane + 2]
  for (let turn = 0; going || turn === 0; turn++) {
    const token = randomUUID()
    const amount = 1 + (turn % 9)
    try {
      if (turn % 3 === 0) await client.insert({ token, source, target, amount: 0 })
      else await client.transfer({ token, source, target, amount })
      say({ is: 'acknowledged', token })
    } catch (error) {
      say({ is: 'rejected', token, error: told(error) })
    }
  }
}

/** What crosses the pipe of an error: its text, and what it says of the outcome, by whatever wrapper. */
function told(error: unknown, depth = 0): object | undefined {
  if (typeof error !== 'object' || error === null || depth > 4) return undefined
  const { message, code, outcome, cause, driverError, parent, meta } = error as Record<
    string,
    unknown
  >
  return {
    message,
    code,
    outcome,
    cause: told(cause ?? driverError ?? parent ?? meta, depth + 1),
  }
}
