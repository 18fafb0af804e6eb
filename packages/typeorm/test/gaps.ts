import { type BeforeQueryEvent, type EntitySubscriberInterface, EventSubscriber } from 'typeorm'
import type { Database } from './database.ts'

let count = 0
let strike: ((event: BeforeQueryEvent) => Promise<void>) | undefined

/** Ends the connection under a query runner just before a chosen statement. */
export class Striker implements EntitySubscriberInterface {
  async beforeQuery(event: BeforeQueryEvent): Promise<void> {
    await strike?.(event)
  }
}
EventSubscriber()(Striker)

/** Runs the work and kills the backend before its nth statement, from 0. Returns how many it had. */
export async function killedBefore<T>(
  database: Database,
  n: number,
  work: () => Promise<T>,
): Promise<{ readonly statements: number; readonly result: T }> {
  count = 0
  strike = async ({ queryRunner }) => {
    if (count++ !== n) return
    const { processID } = await queryRunner.connect()
    await database.kill(processID)
  }
  try {
    const result = await work()
    return { statements: count, result }
  } finally {
    strike = undefined
  }
}

/**
 * Runs the work once undisturbed, and then once for each of its statements, with the backend killed
 * before that statement. `check` is called after each. The data source must list {@link Striker}.
 *
 * @returns the number of statements
 */
export async function killedAtEveryGap<T>(
  database: Database,
  work: () => Promise<T>,
  check: (result: T, killedBefore: number) => Promise<void> | void,
): Promise<number> {
  const { statements, result } = await killedBefore(database, -1, work)
  await check(result, -1)
  for (let n = 0; n < statements; n++) {
    const run = await killedBefore(database, n, work)
    await check(run.result, n)
  }
  return statements
}
