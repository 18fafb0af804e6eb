import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Cell } from '../torture/cluster/cell.ts'
import { programs } from '../torture/cluster/programs.ts'

const main = join(import.meta.dirname, '../torture/main.ts')
const limitMs = 280_000

/** Runs torture on a cluster; gives its exit code and what it printed. */
function torture(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = ['--conditions=@reprise/source', main, '--cluster', 'patroni', '--json', ...argv]
  return new Promise((resolve) => {
    execFile(process.execPath, command, { timeout: limitMs }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

test('nothing is lost, doubled, untrue or hung in a switchover and the death of a primary under synchronous replication', {
  timeout: limitMs,
}, async ({ skip }) => {
  const found = programs()
  if (typeof found === 'string') skip(found)
  const argv = ['--faults', 'switchover,kill-node', '--mode', 'sync', '--subject', 'pg,typeorm']
  const { code, stdout, stderr } = await torture(...argv)
  expect(code, stderr).toBe(0)
  const { verdicts } = JSON.parse(stdout) as { verdicts: Cell[] }
  const whole = { lost: 0, lostByServer: 0, duplicated: 0, dishonest: 0, crashes: 0, hung: 0 }
  expect(verdicts).toMatchObject(
    ['switchover', 'kill-node'].flatMap((fault) =>
      ['pg', 'typeorm'].map((subject) => ({ fault, mode: 'sync', subject, ...whole })),
    ),
  )
  for (const { acknowledged } of verdicts) expect(acknowledged).toBeGreaterThan(0)
})
