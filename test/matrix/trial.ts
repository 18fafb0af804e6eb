import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import {
  type Audit,
  exactAudit,
  Killer,
  Ledger,
  outcomeOf,
  type Server,
  until,
} from '../kit/index.ts'
import type { Project } from './project.ts'

/** How hard a door is tried. */
export interface Effort {
  /** Backends that are terminated. */
  readonly kills: number
  /** The mean time between two of them, in milliseconds. */
  readonly everyMs: number
}

/** What came of one door of one project on one Node. */
export interface Result {
  readonly kills: number
  readonly acknowledged: number
  /** Errors that said honestly that nobody can know. */
  readonly inDoubt: number
  /** One sentence for each thing that should not have been; empty when it passed. */
  readonly faults: readonly string[]
}

interface Word {
  readonly is: 'ready' | 'acknowledged' | 'rejected' | 'closed'
  readonly reprised?: boolean
  readonly token?: string
  readonly error?: {
    readonly message?: string
    readonly outcome?: string
    readonly cause?: Word['error']
  }
}

const workers = 4
const limitMs = 60_000

/**
 * A terminated backend says so and closes; where a client writes at that very moment, the reset that
 * answers it makes TCP forget what was not read yet, the answer with the witness among it. Then doubt is
 * the truth; it is rare, or something is wrong.
 */
const doubtsPerTrial = 1

/** Runs the scenario of a project while its backends are terminated, and judges by the ledger. */
export async function trial(
  server: Server,
  { folder, env }: Project,
  { orm, door, node }: { readonly orm: string; readonly door: string; readonly node: string },
  { kills, everyMs }: Effort,
): Promise<Result> {
  const ledger = await Ledger.create(server, await server.createDatabase())
  const killer = new Killer(server, { everyMs, database: ledger.url })
  const faults: string[] = []
  const rejections = new Map<string, number>()
  let acknowledged = 0
  let inDoubt = 0
  let last: Word['is'] | undefined
  let exit: number | NodeJS.Signals | undefined
  const complaints: string[] = []
  const child = spawn(node, ['scenario/main.js', orm, ledger.url, door, String(workers)], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  })
  const complain = (line: string): void => {
    // What Node says of deprecated things is for the authors of what was installed.
    if (/(?:Deprecation|Experimental)Warning|^\(Use `node/.test(line)) return
    complaints.push(line)
  }
  createInterface(child.stderr).on('line', complain)
  child.once('error', (error) => faults.push(String(error)))
  child.once('close', (code, signal) => {
    exit = code ?? signal ?? 0
  })
  createInterface(child.stdout).on('line', (line) => {
    if (!line.startsWith('{"is":')) return complain(line)
    const word = JSON.parse(line) as Word
    if (word.is === 'ready' && word.reprised !== true) faults.push('isReprised denies it')
    if (word.is === 'acknowledged') {
      acknowledged++
      ledger.acknowledged(String(word.token))
    } else if (word.is === 'rejected') {
      const outcome = outcomeOf(word.error)
      const what = `${word.error?.message?.trim().split('\n').at(-1)} (${outcome})`
      if (outcome === 'in-doubt' && inDoubt < doubtsPerTrial) inDoubt++
      else rejections.set(what, (rejections.get(what) ?? 0) + 1)
      ledger.rejected(String(word.token), word.error)
    } else last = word.is
  })
  const over = (): boolean => exit !== undefined
  try {
    await until(() => over() || last === 'ready', {
      timeoutMs: limitMs,
      what: 'the client to open',
    })
    killer.start()
    const done = (): boolean => over() || (killer.kills >= kills && acknowledged >= kills)
    await until(done, { timeoutMs: limitMs, what: `${kills} kills, and as many answers` })
    await killer.stop()
    child.stdin.end()
    await until(over, { timeoutMs: limitMs, what: 'the process to end' })
  } catch (error) {
    faults.push(`${String(error)} (${killer.kills} kills, ${acknowledged} acknowledged)`)
  } finally {
    await killer.stop()
    child.kill('SIGKILL')
  }
  if (last !== 'closed') faults.push(`the process ended with ${exit}: ${reason(complaints)}`)
  else if (complaints.length > 0)
    faults.push(`printed ${complaints.length} lines: ${complaints[0]}`)
  for (const [what, times] of rejections) faults.push(`${times} times: ${what}`)
  faults.push(...differences(await ledger.audit()))
  return { kills: killer.kills, acknowledged, inDoubt, faults }
}

function differences(audit: Audit): string[] {
  const { appliedThoughRejected, ...others } = exactAudit
  const { dishonest } = audit.appliedThoughRejected
  return [
    ...(dishonest > appliedThoughRejected.dishonest
      ? [`applied though rejected: ${dishonest}`]
      : []),
    ...Object.entries(others)
      .filter(([name, exact]) => audit[name as keyof Audit] !== exact)
      .map(([name]) => `${name}: ${audit[name as keyof Audit]}`),
  ]
}

/** The line of a crash's report that says what happened. */
function reason(complaints: readonly string[]): string {
  const error = complaints.find((line) => /^\w*Error\b/.test(line))
  return (error ?? complaints.at(-1) ?? '').trim()
}
