import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { answers } from './answers.ts'
import { serverAccount } from './binaries.ts'
import { until } from './until.ts'

/** How a pooler is started. */
export interface Launch {
  /** What people call it. */
  readonly title: string
  readonly program: string
  readonly arguments: readonly string[]
  readonly port: number
  /** Its own, removed at the end. */
  readonly directory: string
  /** Ends it at once, its children too. */
  readonly end: NodeJS.Signals
}

/** A pooler that listens. */
export interface Launched extends Launch {
  readonly child: ChildProcess
}

const running = new Map<ChildProcess, NodeJS.Signals>()
process.on('exit', () => {
  for (const [child, end] of running) child.kill(end)
})

/** Starts a pooler; resolves when it listens. */
export async function launch(how: Launch): Promise<Launched> {
  const { title, port, end } = how
  const log: string[] = []
  const child = spawn(how.program, how.arguments, {
    ...(await serverAccount()),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => log.push(String(text)))
  running.set(child, end)
  child.once('exit', () => running.delete(child))
  await until(() => child.exitCode !== null || answers(port), { what: `${title} to listen` })
  if (child.exitCode !== null) throw new Error(`${title} did not start:\n${log.join('')}`)
  return { ...how, child }
}

/** A real pooler in front of a server. */
export class Pooler {
  readonly #launched: Launched

  protected constructor(launched: Launched) {
    this.#launched = launched
  }

  get port(): number {
    return this.#launched.port
  }

  /** The same database, through it. */
  url(databaseUrl: string): string {
    const url = new URL(databaseUrl)
    url.port = String(this.port)
    return url.href
  }

  async close(): Promise<void> {
    const { child, end, directory } = this.#launched
    if (child.exitCode === null) {
      const ended = once(child, 'exit')
      child.kill(end)
      await ended
    }
    await rm(directory, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
