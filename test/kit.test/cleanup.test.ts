import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'
import { until } from '../kit/index.ts'
import { parentOf } from '../kit/processes.ts'

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
