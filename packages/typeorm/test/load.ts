import { setTimeout as pause } from 'node:timers/promises'
import type { Proxy as FaultProxy } from '../../../test/kit/index.ts'
import type { Database } from './database.ts'

/** What a load came to. */
export interface Load<T> {
  readonly results: T[]
  readonly failures: unknown[]
  readonly faults: number
  readonly seconds: number
}

/** How long the loads run: two seconds, unless somebody wants to see more. */
const seconds = Number(process.env.REPRISE_LOAD_SECONDS ?? 2)

/**
 * Has four workers do some work again and again, while every few milliseconds about half of the
 * backends are terminated, or one connection is reset on its way.
 */
export async function load<T>(
  fault: 'kill' | 'cut',
  database: Database,
  proxy: FaultProxy,
  work: () => Promise<T>,
): Promise<Load<T>> {
  const until = performance.now() + seconds * 1000
  const results: T[] = []
  const failures: unknown[] = []
  let faults = 0
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      await work().then(
        (result) => results.push(result),
        (error) => failures.push(error),
      )
    }
  }
  const strike = async (): Promise<void> => {
    while (performance.now() < until) {
      await pause(20 + Math.random() * 30)
      if (fault === 'kill') faults += await database.killAll('random() < 0.5')
      else {
        const { connections } = proxy
        const victim = connections[Math.floor(Math.random() * connections.length)]
        if (victim === undefined) continue
        victim.reset()
        faults += 1
      }
    }
  }
  await Promise.all([worker(), worker(), worker(), worker(), strike()])
  return { results, failures, faults, seconds }
}

/** One line about a load, for whoever reads the report of a run. */
export function summary({ results, failures, faults, seconds }: Load<unknown>): string {
  return `${seconds} s, ${faults} faults, ${results.length} transactions done, ${failures.length} failed`
}
