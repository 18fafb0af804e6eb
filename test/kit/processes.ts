import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** The parent of a process, or undefined where there is none or it only waits to be reaped. */
export function parentOf(pid: number): number | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined
  try {
    const [state, parent] = stateAndParent(pid)
    return state?.startsWith('Z') ? undefined : Number(parent)
  } catch {
    return undefined
  }
}

function stateAndParent(pid: number): string[] {
  if (!existsSync('/proc/self/stat')) {
    const shown = execFileSync('ps', ['-o', 'stat=', '-o', 'ppid=', '-p', String(pid)], {
      encoding: 'utf8',
    })
    return shown.trim().split(/\s+/)
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is a name in parentheses that may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
