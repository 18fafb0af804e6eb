import { cpus, loadavg, totalmem } from 'node:os'
import type { Server } from '../kit/index.ts'

/** Where and when something was measured, as a reader needs it. */
export interface Machine {
  readonly made: string
  readonly words: string
}

/** Describes this machine, now. */
export async function machine(server: Server): Promise<Machine> {
  const [row] = await server.sql('SHOW server_version')
  const all = cpus()
  const load = loadavg().map((value) => value.toFixed(1))
  const memory = Math.round(totalmem() / 2 ** 30)
  return {
    made: new Date().toISOString().slice(0, 10),
    words: `${all.length} × ${all[0]?.model.trim() ?? 'unknown processor'}, ${memory} GB, ${process.platform} ${process.arch}; Node.js ${process.versions.node}, PostgreSQL ${row?.server_version}; load ${load.join(', ')} when it was over`,
  }
}
