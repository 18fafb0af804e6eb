import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server } from '../kit/index.ts'
import { page, positive, read, words } from '../lanes/arguments.ts'
import { command } from '../lanes/command.ts'
import { table } from '../lanes/table.ts'
import { pack } from '../pack.ts'
import { faultNames } from '../torture/options.ts'
import { type Line, lines, scenarioOf } from './lines.ts'
import { Nodes } from './nodes.ts'
import { type Project, project } from './project.ts'
import { type Result, underFire, underKills, withoutAnswer } from './trial.ts'

const flags = {
  only: { value: 'text,…', help: 'lines whose name begins with one of these, such as kysely@0.27' },
  door: { value: 'name', help: 'this door alone, such as line, door or rerun' },
  node: { value: 'version', help: 'this Node alone: 20.19, 22, 24 or 26' },
  ci: { help: 'the lines that CI tries, on the oldest Node of each' },
  kills: { value: 'number', help: 'backends that are terminated in each trial (default 40)' },
  every: { value: 'ms', help: 'mean time between two kills (default 60)' },
  fire: {
    value: 'A,B',
    help: 'torture in place of the trials, by some of kill, cut, restart, freeze',
  },
  seconds: { value: 'number', help: 'how long each is under fire (default 30)' },
  seed: { value: 'number', help: 'makes the same random choices again (default 1)' },
  list: { help: 'only say what there is' },
  help: { help: 'this page' },
} as const

const what =
  'matrix: packs the packages, installs them with npm beside each version that is supported,\nand runs each door there while backends are terminated. Nothing may be lost, doubled or told.'

await command(async (argv, signal) => {
  const typed = read(argv, flags)
  if (typed.help) {
    console.log(page(what, flags))
    return 0
  }
  const effort = {
    kills: positive(typed.kills, 'kills', 40),
    everyMs: positive(typed.every, 'every', 60),
  }
  const ordeal = typed.fire && {
    faults: words(typed.fire, 'fire', faultNames, []),
    seconds: positive(typed.seconds, 'seconds', 30),
    seed: Math.floor(positive(typed.seed, 'seed', 1)),
  }
  const wanted = typed.only?.split(',')
  const chosen = lines
    .filter((line) => !wanted || wanted.some((name) => titleOf(line).startsWith(name)))
    .filter((line) => !typed.ci || line.ci)
    .map((line) => ({
      ...line,
      doors: line.doors.filter((door) => !typed.door || door === typed.door),
      node: line.node
        .filter((version) => !typed.node || version === typed.node)
        .slice(0, typed.ci ? 1 : undefined),
    }))
  if (typed.list) {
    for (const line of chosen) {
      console.log(`${titleOf(line)}: ${line.doors.join(', ')} on Node ${line.node.join(', ')}`)
    }
    return 0
  }
  const box = mkdtempSync(join(tmpdir(), 'reprise-matrix-'))
  const server = await Server.start()
  try {
    const names = ['core', 'pg', 'kysely', 'typeorm', 'mikro-orm', 'prisma']
    const folder = (name: string): string => join(import.meta.dirname, '../../packages', name)
    const tarballs = new Map(names.map((name) => [name, pack(folder(name), box)]))
    const nodes = new Nodes(join(box, 'nodes'))
    const rows: string[][] = []
    let failed = 0
    const make = (line: Line, at: number): Promise<Project | Error> =>
      project(line, join(box, String(at)), tarballs).catch((error: Error) => error)
    let next = chosen[0] && make(chosen[0], 0)
    for (const [at, line] of chosen.entries()) {
      const made = (await next) as Project | Error
      const following = chosen[at + 1]
      next = following && make(following, at + 1)
      for (const version of line.node) {
        for (const door of line.doors) {
          signal.throwIfAborted()
          const node = await nodes.path(version)
          const { result, faults } = await judge(made, line, door, node)
          if (faults.length > 0) failed++
          const { acknowledged = '', inDoubt = '', rejected = '' } = result ?? {}
          const faced = result === undefined ? 'refused' : counted(result.faced)
          const counts = [faced, String(acknowledged), String(inDoubt), String(rejected)]
          const verdict = faults.length === 0 ? '✓' : '✗'
          const found = made instanceof Error ? line.version : made.version
          rows.push([line.orm, found, door, line.generator ?? '', version, ...counts, verdict])
          console.log(
            `${verdict} ${titleOf(line)} (${found}), ${door}, Node ${version}: ${faced}, ${acknowledged} acknowledged, ${inDoubt} in doubt`,
          )
          for (const fault of faults) console.log(`    ${fault}`)
        }
      }
      if (!(made instanceof Error)) rmSync(made.folder, { recursive: true })
    }
    const head = [
      'client',
      'version',
      'door',
      'generator',
      'Node',
      'faults',
      'acknowledged',
      'in doubt',
      'other errors',
      '',
    ]
    console.log(`\n${table(head, rows)}\n\n${rows.length - failed} passed, ${failed} failed`)
    return failed === 0 ? 0 : 1
  } finally {
    await server.dispose()
    rmSync(box, { recursive: true, force: true })
  }

  async function judge(
    made: Project | Error,
    line: Line,
    door: string,
    node: string,
  ): Promise<{ result?: Result; faults: readonly string[] }> {
    if (made instanceof Error) return { faults: [made.message] }
    // What is refused needs nobody to be killed.
    const enough = line.refused === undefined ? effort : { ...effort, kills: 0 }
    const what = { scenario: scenarioOf(line), door, node }
    if (ordeal && line.refused === undefined) {
      const result = await underFire(server, made, what, ordeal)
      return { result, faults: result.faults }
    }
    const result = await underKills(server, made, what, enough)
    if (line.refused === undefined) {
      const types = made.types === '' ? [] : [`types: ${made.types.trim()}`]
      // By the line alone, what is told is what the ORM leaves of it.
      const doubts = door === 'line' ? [] : await withoutAnswer(server, made, what)
      return { result, faults: [...types, ...result.faults, ...doubts] }
    }
    const refused = result.faults.some((fault) => line.refused?.test(fault))
    return { faults: refused ? [] : [`was not refused: ${result.faults.join('; ')}`] }
  }
})

function titleOf({ orm, version }: Line): string {
  return `${orm}@${version}`
}

function counted(faced: Result['faced']): string {
  return Object.entries(faced)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}
