import { readdirSync, readlinkSync } from 'node:fs'

/**
 * The processes that work in a directory or below it. A temporary directory that is named by no one
 * else knows its own by that: a daemon started there, a postmaster and its backends, which stay in
 * their data directory.
 */
export function processesIn(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isInside(pid, directory))
}

/** Sends a signal to each of them; one that is gone meanwhile is passed over. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ESRCH') throw error
    }
  }
}

function isInside(pid: number, directory: string): boolean {
  try {
    return `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${directory}/`)
  } catch {
    // It is gone, or somebody else's.
    return false
  }
}
