import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { until } from '../kit/index.ts'

/** The exit code of the command, in a process of its own: the control would take this one down. */
function history(...argv: string[]): Promise<{ code: unknown; said: string }> {
  const main = join(import.meta.dirname, '..', 'history', 'main.ts')
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--conditions=@reprise/source', main, '--seconds', '2', '--faults', 'kill,cut', ...argv],
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, said: stdout + stderr }),
    )
  })
}

it('under kills and cuts the history of a client with Reprise is clean at every level', async () => {
  const { code, said } = await history('--subject', 'pg')
  expect(said.match(/clean/g)).toHaveLength(3)
  expect(code).toBe(0)
})

it('that of a naive retry is not: its elements are doubled', async () => {
  // Only a kill between a COMMIT and its answer doubles one: it is waited for.
  await until(
    async () => {
      const { code, said } = await history('--control', '--isolation', 'read committed')
      return code === 0 && said.includes('doubled')
    },
    { timeoutMs: 60_000, what: 'a commit whose answer is lost' },
  )
}, 90_000)
