import { Killer, type Server, seeded, type Proxy as WireProxy } from '../kit/index.ts'
import type { Contestant } from '../lanes/experiment.ts'
import { Cutter } from './cutter.ts'
import { Freezer } from './freezer.ts'
import type { FaultName } from './options.ts'
import { type Fault, Recurring } from './recurring.ts'

const everyMs: Readonly<Record<FaultName, number>> = {
  kill: 50,
  cut: 50,
  restart: 4000,
  freeze: 500,
}

/** What faults happen to: a database, by its name, and the proxy in front of it. */
export type Target = Pick<Contestant, 'database' | 'proxy'>

/** Several faults that happen to one lane at once, each with random choices of its own. */
export class Faults {
  /** How often each happened; known when they have stopped. */
  readonly counts: Partial<Record<FaultName, number>> = {}
  readonly #faults: readonly (readonly [FaultName, Fault])[]

  constructor(names: readonly FaultName[], server: Server, lane: Target, seed: number) {
    this.#faults = names.map((name, at) => [
      name,
      make(name, server, lane, seeded(Math.imul(seed + at + 1, 0x85ebca6b))),
    ])
  }

  start(): void {
    for (const [, fault] of this.#faults) fault.start()
  }

  /** Resolves when none can happen any more. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#faults.map(async ([name, fault]) => {
        this.counts[name] = await fault.stop()
      }),
    )
  }
}

function make(
  name: FaultName,
  server: Server,
  { database, proxy }: Target,
  random: () => number,
): Fault {
  const every = everyMs[name]
  switch (name) {
    case 'kill':
      return new Killer(server, { everyMs: every, database, random })
    case 'cut':
      return new Cutter(there(proxy), every, random)
    case 'freeze': {
      const freezer = new Freezer(server, there(proxy), database, random)
      return new Recurring(every, random, () => freezer.freeze())
    }
    case 'restart':
      return new Recurring(every, random, () => restart(server, random))
  }
}

async function restart(server: Server, random: () => number): Promise<boolean> {
  await server.restart(random() < 0.5 ? 'fast' : 'immediate')
  return true
}

function there(proxy: WireProxy | undefined): WireProxy {
  if (proxy === undefined) throw new Error('these faults need a proxy in front of the server')
  return proxy
}
