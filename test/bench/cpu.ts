import { readFileSync } from 'node:fs'
import type { Server } from '../kit/index.ts'

/** Microseconds of CPU that one operation took. */
export interface Cpu {
  readonly client: number
  /** Undefined where the system does not tell: only Linux does. */
  readonly server: number | undefined
}

/**
 * CPU used by this process and by the backends that serve a database, which neighbours on the machine
 * change little.
 */
export class CpuMeter {
  readonly #pids: readonly number[]

  private constructor(pids: readonly number[]) {
    this.#pids = pids
  }

  /** Meters the backends that are connected now. */
  static async of(server: Server, database: string): Promise<CpuMeter> {
    const rows = await server.sql(
      "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'",
      [database],
    )
    return new CpuMeter(rows.map(({ pid }) => Number(pid)))
  }

  /** Total so far, in microseconds. */
  read(): Cpu {
    const { user, system } = process.cpuUsage()
    return { client: user + system, server: this.#server() }
  }

  #server(): number | undefined {
    let sum = 0
    for (const pid of this.#pids) {
      const used = usedBy(pid)
      if (used === undefined) return undefined
      sum += used
    }
    return sum
  }
}

/** Microseconds on a processor (schedstat's first field is nanoseconds: Documentation/scheduler). */
function usedBy(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000
  } catch {
    return undefined
  }
}
