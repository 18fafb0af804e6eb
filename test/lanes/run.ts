import { setTimeout as sleep } from 'node:timers/promises'
import { type Opened, subject } from '../subjects/index.ts'
import { failureOf } from './failure.ts'
import type { FromLane, LaneOrder, ToLane } from './messages.ts'
import { withNaiveRetry } from './naive-retry.ts'
import { Worker } from './worker.ts'

const openAgainMs = 50

/** What node-postgres takes where nobody says otherwise. */
const usualPool = 10

/** Does in the lane's own process what the order says, from opening the client to closing it. */
export async function run(order: LaneOrder): Promise<void> {
  const { workload, seed } = order
  const client = await open(order)
  const workers = Array.from(
    { length: workload.workers },
    (_, at) => new Worker(client, workload, apart(seed, at), report),
  )
  const stopped = told('stop').then(() => {
    for (const worker of workers) worker.stop()
  })
  const going = told('go')
  report({ is: 'ready' })
  await going
  await Promise.all([stopped, ...workers.map((worker) => worker.run())])
  report({ is: 'settled' })
  await client.close()
}

/** A server that is just restarting refuses; whoever starts applications tries again until one stays up. */
async function open({
  subject: name,
  url,
  reprise,
  naiveRetry,
  door = false,
  workload,
}: LaneOrder): Promise<Opened> {
  const { prepare, open } = await subject(name)
  await prepare?.()
  for (;;) {
    try {
      const max = Math.max(usualPool, workload.workers)
      const through = door ? 'door' : 'line'
      const client = await open({ url, reprise, max, through, rerunnable: door })
      return naiveRetry ? withNaiveRetry(client) : client
    } catch (error) {
      report({ is: 'refused', failure: failureOf(error) })
      await sleep(openAgainMs)
    }
  }
}

/** The seed of one of several streams that have nothing in common. */
function apart(seed: number, at: number): number {
  return Math.imul(seed + at + 1, 0x9e3779b1)
}

function report(message: FromLane): void {
  process.send?.(message)
}

function told(what: ToLane['is']): Promise<void> {
  return new Promise((resolve) => {
    const listen = (message: ToLane): void => {
      if (message.is !== what) return
      process.off('message', listen)
      resolve()
    }
    process.on('message', listen)
  })
}
