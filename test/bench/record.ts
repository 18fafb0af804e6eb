import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { page } from './page/page.ts'
import type { Section } from './section.ts'

/** The order in which measurements are told. */
const order = [
  'hot-path',
  'hot-path-durable',
  'hot-path-latency',
  'texts',
  'recovery',
  'herd',
  'peers',
  'memory',
]

const introduction = `# Benchmarks

Written by \`npx -y pnpm@12 bench … --record\`, which replaces the part that it measured. A ratio is against plain node-postgres (or the ORM as its makers ship it) in the same run: 1.00 is as fast, 0.97 is 3 % slower. Everything runs on one machine, server and clients on the same cores, so these are worst cases: over a network, or with fsync, less of it is left.
`

const begins = (name: string): string => `<!-- ${name} -->`
const ends = (name: string): string => `<!-- end of ${name} -->`

/**
 * Keeps a section, and writes the HTML report of all that are kept beside it. A section is kept until the
 * same is measured again.
 *
 * @returns the path of the report
 */
export async function report(section: Section, path: string): Promise<string> {
  const file = resolve(path)
  const kept = join(dirname(file), 'bench')
  await mkdir(kept, { recursive: true })
  await writeFile(join(kept, `${section.name}.json`), JSON.stringify(section, null, 2))
  const names = (await readdir(kept)).filter((name) => name.endsWith('.json'))
  const sections = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(kept, name), 'utf8')) as Section),
  )
  const place = ({ name }: Section): number => (order.indexOf(name) + 99) % 99
  await writeFile(file, page(sections.sort((a, b) => place(a) - place(b))))
  return file
}

/** Puts a section into BENCHMARKS.md, in the place of what was measured before. */
export async function record(section: Section): Promise<void> {
  const file = join(import.meta.dirname, '../../BENCHMARKS.md')
  const before = existsSync(file) ? await readFile(file, 'utf8') : introduction
  await writeFile(file, withSection(before, section))
}

/** A text of sections with one of them replaced, or put where it belongs. */
export function withSection(text: string, section: Section): string {
  const made = markdown(section)
  const from = text.indexOf(begins(section.name))
  const end = ends(section.name)
  if (from >= 0) {
    const to = text.indexOf(end, from) + end.length
    return text.slice(0, from) + made + text.slice(to)
  }
  const next = order
    .slice(order.indexOf(section.name) + 1)
    .map((name) => text.indexOf(begins(name)))
    .find((at) => at >= 0)
  return next === undefined
    ? `${text.trimEnd()}\n\n${made}\n`
    : `${text.slice(0, next)}${made}\n\n${text.slice(next)}`
}

function markdown({ name, title, words, machine, head, rows }: Section): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    begins(name),
    `## ${title}`,
    '',
    words,
    '',
    line(head),
    line(head.map((_, column) => (column === 0 ? '---' : '---:'))),
    ...rows.map(line),
    '',
    `${machine.made}, ${machine.words}.`,
    ends(name),
  ].join('\n')
}
