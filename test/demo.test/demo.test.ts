import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const main = join(import.meta.dirname, '../demo/main.ts')
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-demo-'))
})
afterEach(() => rm(folder, { recursive: true }))

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function demo(...argv: string[]): Promise<Ran> {
  const command = ['--conditions=@reprise/source', main, ...argv]
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

test('--json prints one object per lane with exactly its keys (the naive retry says so by one more), and nothing else', async () => {
  const { code, stdout, stderr } = await demo('--json', '--seconds', '3', '--only', 'pg')
  const lanes = JSON.parse(stdout) as Record<string, unknown>[]
  expect(lanes.map(({ subject, reprise, retry }) => [subject, reprise, retry])).toEqual([
    ['pg', false, undefined],
    ['pg', false, true],
    ['pg', true, undefined],
  ])
  for (const { retry, ...lane } of lanes) {
    expect(Object.keys(lane)).toEqual([
      'subject',
      'reprise',
      'acknowledged',
      'errors',
      'lost',
      'duplicated',
      'crashes',
      'hung',
      'longestStallMs',
    ])
  }
  expect(lanes[2]).toMatchObject({ lost: 0, duplicated: 0, crashes: 0, hung: 0 })
  expect(lanes[2]?.acknowledged).toBeGreaterThan(0)
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(await readFile(join(folder, 'report/demo.html'), 'utf8')).toContain('node-postgres')
})

test('a flag that there is not is refused in one sentence, with exit code 2', async () => {
  expect(await demo('--frobnicate')).toEqual({
    code: 2,
    stdout: '',
    stderr: "Unknown option '--frobnicate'; --help lists what there is.\n",
  })
})

test('--help explains and does nothing', async () => {
  const { code, stdout, stderr } = await demo('--help')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('--seconds N')
})
