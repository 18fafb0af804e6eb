import { Killer, Ledger, type Server, Proxy as WireProxy } from '../kit/index.ts'
import { Faults } from '../torture/faults.ts'
import type { FaultName } from '../torture/options.ts'
import type { Project } from './project.ts'
import { type Outcome, type What, witnessed } from './witnessed.ts'

/** How hard a door is tried. */
export interface Effort {
  /** Backends that are terminated. */
  readonly kills: number
  /** The mean time between two of them, in milliseconds. */
  readonly everyMs: number
}

/** What is done to a door that is tortured, and for how long. */
export interface Ordeal {
  readonly faults: readonly FaultName[]
  readonly seconds: number
  readonly seed: number
}

/** What came of one door of one project on one Node. */
export interface Result extends Outcome {
  /** How often each fault happened. */
  readonly faced: Readonly<Record<string, number>>
}

const workers = 4

/**
 * A terminated backend says so and closes; where a client writes at that very moment, the reset that
 * answers it makes TCP forget what was not read yet, the answer with the witness among it. Then doubt is
 * the truth; it is rare, or something is wrong.
 */
const doubtsUnderKills = 1

/** How many COMMITs lose their answer, one after the other, in a pool of one. */
const lostAnswers = 4

/** Runs the scenario of a project while its backends are terminated. */
export async function underKills(
  server: Server,
  project: Project,
  what: What,
  { kills, everyMs }: Effort,
): Promise<Result> {
  const ledger = await Ledger.create(server, await server.createDatabase())
  const killer = new Killer(server, { everyMs, database: ledger.url })
  const outcome = await witnessed(ledger, project, what, {
    url: ledger.url,
    workers,
    doubts: doubtsUnderKills,
    begin: () => killer.start(),
    enough: (acknowledged) => killer.kills >= kills && acknowledged >= kills,
    end: () => killer.stop(),
  })
  return { ...outcome, faced: { kill: killer.kills } }
}

/**
 * Runs the scenario under faults of several kinds for a while. Doubt may be the truth then, and so may
 * other errors that say what became of the work: nothing may be lost, doubled, denied, and nobody may
 * crash or hang.
 */
export async function underFire(
  server: Server,
  project: Project,
  what: What,
  { faults, seconds, seed }: Ordeal,
): Promise<Result> {
  const ledger = await Ledger.create(server, await server.createDatabase())
  const proxied = faults.includes('cut') || faults.includes('freeze')
  const proxy = proxied ? await WireProxy.start(server) : undefined
  const database = new URL(ledger.url).pathname.slice(1)
  const fire = new Faults(faults, server, { database, proxy }, seed)
  let over = Number.POSITIVE_INFINITY
  let stopped: Promise<void> | undefined
  try {
    const outcome = await witnessed(ledger, project, what, {
      url: proxy?.url(ledger.url) ?? ledger.url,
      workers,
      doubts: Number.POSITIVE_INFINITY,
      honest: true,
      seconds,
      begin: () => {
        over = performance.now() + seconds * 1000
        fire.start()
      },
      enough: () => performance.now() >= over,
      end: () => {
        stopped ??= fire.stop()
        return stopped
      },
    })
    return { ...outcome, faced: fire.counts }
  } finally {
    await proxy?.close()
  }
}

/**
 * Runs the scenario where COMMIT is done, its answer is lost, and nobody may be asked: each must be told
 * as in doubt, through whatever the ORM makes of it, and leave a client for the next.
 */
export async function withoutAnswer(
  server: Server,
  project: Project,
  what: What,
): Promise<readonly string[]> {
  const ledger = await Ledger.create(server, await server.createDatabase())
  const proxy = await WireProxy.start(server)
  let lost = 0
  proxy.onFrame(({ from, type, text }) => {
    if (from !== 'server' || type !== 'C' || text !== 'COMMIT' || lost === lostAnswers) return
    lost++
    return 'reset'
  })
  try {
    const { inDoubt, faults } = await witnessed(ledger, project, what, {
      url: proxy.url(ledger.url),
      workers: 1,
      options: ['off'],
      doubts: lostAnswers,
      enough: (acknowledged) => lost === lostAnswers && acknowledged > lostAnswers,
    })
    const untold = inDoubt === lostAnswers ? [] : [`${inDoubt} of ${lostAnswers} doubts were told`]
    return [...untold, ...faults].map((fault) => `COMMIT without an answer: ${fault}`)
  } finally {
    await proxy.close()
  }
}
