import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { isOutcome } from '@reprise/core'
import { type Audit, exactAudit, type Ledger, outcomeOf, until } from '../kit/index.ts'
import type { Project } from './project.ts'

/** What runs where. */
export interface What {
  /** As `scenarioOf` names it. */
  readonly scenario: string
  readonly door: string
  /** The path of a Node. */
  readonly node: string
}

/** How the scenario is run, and what is done to it meanwhile. */
export interface Course {
  readonly url: string
  readonly workers: number
  readonly options?: readonly string[]
  /** Errors that may say that nobody can know. */
  readonly doubts: number
  /** Whether errors that say what became of the work are in order, and so is what a library prints of them. */
  readonly honest?: boolean
  /** How long it is to run; when nothing is said, until it has done enough. */
  readonly seconds?: number
  /** Called when the client is open. */
  begin?(): void
  /** Whether it has run for long enough. */
  enough(acknowledged: number): boolean
  /** Called before the scenario is told to stop. */
  end?(): Promise<unknown>
}

/** What it came to. */
export interface Outcome {
  readonly acknowledged: number
  /** Errors that said honestly that nobody can know. */
  readonly inDoubt: number
  /** Other errors that said honestly what became of the work. */
  readonly rejected: number
  /** One sentence for each thing that should not have been; empty when it passed. */
  readonly faults: readonly string[]
}

interface Word {
  readonly is: 'ready' | 'acknowledged' | 'rejected' | 'closed'
  readonly reprised?: boolean
  readonly token?: string
  readonly error?: { readonly message?: string }
}

const limitMs = 60_000

/** Runs the scenario of a project in a process of its own, and judges by a ledger what it was told. */
export async function witnessed(
  ledger: Ledger,
  { folder, env }: Project,
  { scenario, door, node }: What,
  { url, workers, options = [], doubts, honest = false, seconds = 0, begin, enough, end }: Course,
): Promise<Outcome> {
  const faults: string[] = []
  const rejections = new Map<string, number>()
  const complaints: string[] = []
  let acknowledged = 0
  let inDoubt = 0
  let rejected = 0
  let last: Word['is'] | undefined
  let exit: number | NodeJS.Signals | undefined
  const child = spawn(
    node,
    ['scenario/main.js', scenario, url, door, String(workers), ...options],
    {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    },
  )
  const complain = (line: string): void => {
    // What Node says of deprecated things is for the authors of what was installed.
    if (/(?:Deprecation|Experimental)Warning|^\(Use `node/.test(line)) return
    // So is what Sequelize prints of every COMMIT that fails.
    if (/^Committing transaction \S+ failed with error /.test(line)) return
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
      if (outcome === 'in-doubt' && inDoubt < doubts) inDoubt++
      else if (honest && isOutcome(outcome)) rejected++
      else rejections.set(what, (rejections.get(what) ?? 0) + 1)
      ledger.rejected(String(word.token), word.error)
    } else last = word.is
  })
  const over = (): boolean => exit !== undefined
  const wait = (condition: () => boolean, what: string): Promise<unknown> =>
    until(() => over() || condition(), { timeoutMs: limitMs + seconds * 1000, what })
  try {
    await wait(() => last === 'ready', 'the client to open')
    begin?.()
    await wait(() => enough(acknowledged), 'it to have run for long enough')
    await end?.()
    child.stdin.end()
    await wait(() => false, 'the process to end')
  } catch (error) {
    faults.push(`${String(error)} (${acknowledged} acknowledged)`)
  } finally {
    await end?.()
    child.kill('SIGKILL')
  }
  if (last !== 'closed') faults.push(`the process ended with ${exit}: ${reason(complaints)}`)
  else if (complaints.length > 0 && !honest) {
    faults.push(`printed ${complaints.length} lines: ${complaints[0]}`)
  }
  for (const [what, times] of rejections) faults.push(`${times} times: ${what}`)
  return {
    acknowledged,
    inDoubt,
    rejected,
    faults: [...faults, ...differences(await ledger.audit())],
  }
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
