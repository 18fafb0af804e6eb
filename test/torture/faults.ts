import { Killer, type Proxy, seeded, type Server } from '../kit/index.ts'
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

/** What one lane is exposed to. */
export interface Exposed {
  readonly server: Server
  /** All of the lane's connections go through it. */
  readonly proxy: Proxy
  /** The name of the lane's database. */
  readonly database: string
}

/** Several faults that happen at once, each with random choices of its own. */
export class Faults {
  readonly #faults: readonly (readonly [FaultName, Fault])[]

  constructor(names: readonly FaultName[], exposed: Exposed, seed: number) {
    this.#faults = names.map((name, at) => [
      name,
      make(name, exposed, Math.imul(seed + at + 1, 0x85ebca6b)),
    ])
  }

  start(): void {
    for (const [, fault] of this.#faults) fault.start()
  }

  /** Resolves with how often each happened, when none can happen any more. */
  async stop(): Promise<Record<string, number>> {
    const counts = this.#faults.map(async ([name, fault]) => [name, await fault.stop()] as const)
    return Object.fromEntries(await Promise.all(counts))
  }
}

function make(name: FaultName, { server, proxy, database }: Exposed, seed: number): Fault {
  const random = seeded(seed)
  const every = everyMs[name]
  switch (name) {
    case 'kill':
      return new Killer(server, { everyMs: every, database, random })
    case 'cut':
      return new Cutter(proxy, every, random)
    case 'freeze': {
      const freezer = new Freezer(server, proxy, database, random)
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
