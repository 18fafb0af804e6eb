import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { until } from '../kit/index.ts'
import { parentOf } from '../kit/processes.ts'
import { Watchdog } from '../kit/watchdog.ts'

const doomed = fileURLToPath(new URL('doomed.ts', import.meta.url))

test.concurrent.each(['SIGINT', 'SIGTERM', 'SIGKILL', 'exit', 'exception'])(
  'no server outlives a process that ends by %s',
  async (way) => {
    const child = spawn(process.execPath, [doomed, way], { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = once(child, 'exit')
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    const { pid, directory } = JSON.parse(line)
    if (way.startsWith('SIG')) child.kill(way as NodeJS.Signals)
    await ended
    await until(() => parentOf(pid) === undefined, {
      what: 'the postmaster to be gone',
      timeoutMs: 40_000,
    })
    await until(() => !existsSync(dirname(directory)), {
      what: 'the directory to be removed',
      timeoutMs: 40_000,
    })
  },
)

test.runIf(process.platform === 'linux')(
  'whatever works in a directory goes with it, frozen or not, and nothing else does',
  async () => {
    const [base, beside] = [await mkdtemp(join(tmpdir(), 'reprise-')), process.cwd()]
    const watchdog = new Watchdog(base, 'everything')
    const [awake, frozen, stranger] = [base, base, beside].map((cwd) =>
      spawn('sleep', ['1000'], { cwd, stdio: 'ignore' }),
    )
    try {
      await Promise.all([awake, frozen, stranger].map((child) => once(child!, 'spawn')))
      frozen?.kill('SIGSTOP')
      await watchdog.cleanUp()
      await until(() => awake?.signalCode && frozen?.signalCode, { what: 'both to be gone' })
      expect(existsSync(base)).toBe(false)
      expect(stranger).toMatchObject({ exitCode: null, signalCode: null })
    } finally {
      for (const child of [awake, frozen, stranger]) child?.kill('SIGKILL')
    }
  },
)
