import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Counters } from '@reprise/core'

const main = join(import.meta.dirname, '../src/main.ts')

/** What a run of the command printed, and what it exited with. */
export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The command, in a process of its own. */
export class Command {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly ended: Promise<Run>

  constructor(...args: readonly string[]) {
    this.child = spawn(process.execPath, ['--conditions=@reprise/source', main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, DATABASE_URL: undefined, NODE_OPTIONS: '' },
    })
    this.child.stdout?.on('data', (text) => {
      this.stdout += text
    })
    this.child.stderr?.on('data', (text) => {
      this.stderr += text
    })
    this.ended = once(this.child, 'close').then(([code]) => ({
      code,
      stdout: this.stdout,
      stderr: this.stderr,
    }))
  }
}

/** Runs the command to its end. */
export function run(...args: readonly string[]): Promise<Run> {
  return new Command(...args).ended
}

/** Tells counters over HTTP, as an application does. */
export async function telling(
  tell: () => Counters | object,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((_request, response) => response.end(JSON.stringify(tell())))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Runs the command on a terminal, types an answer to its question, and gives what is to be read there. */
export async function onTerminal(args: readonly string[], typed: string): Promise<string> {
  const quoted = [process.execPath, '--conditions=@reprise/source', main, ...args].map(
    (word) => `'${word}'`,
  )
  const child = spawn('script', ['-qec', quoted.join(' '), '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let printed = ''
  child.stdout.on('data', (text) => {
    const asked = printed.includes('[y/N]')
    printed += text
    if (!asked && printed.includes('[y/N]')) child.stdin.write(typed)
  })
  await once(child, 'close')
  return printed
}
