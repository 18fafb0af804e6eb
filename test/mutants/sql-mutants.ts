import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { Server } from '../kit/server.ts'
import type { Mutant } from './instrument.ts'
import { questions } from './questions.ts'
import { alternativesOf, changesOf } from './sql.ts'
import { stryker } from './stryker.ts'

/** A change of what is asked: whatever is sent with one text in it gets another in its place. */
export interface SqlMutant extends Mutant {
  readonly find: string
  readonly put: string
}

const root = join(import.meta.dirname, '../..')
const path = join(root, 'report/mutants/questions.json')
/** How much of what stands around a change says which one it is. */
const around = 24

/** Makes mutants of the questions that sources ask a server, of which each is a question still. */
export async function sqlMutants(sources: readonly string[]): Promise<SqlMutant[]> {
  const mutants: SqlMutant[] = []
  const names = new Map<string, number>()
  const add = (file: string, was: string, is: string, find: string, put: string): void => {
    if (find === put || mutants.some((each) => each.find === find && each.put === put)) return
    const change = { was: oneLine(was), is: oneLine(is) }
    const words = `${file} Sql ${change.was} => ${change.is}`
    const count = names.get(words) ?? 0
    names.set(words, count + 1)
    const place = { id: `sql:${mutants.length}`, name: `${words} #${count}`, file }
    mutants.push({ ...place, line: lineOf(file, was), kind: 'Sql', ...change, find, put })
  }
  const all = await questions()
  const asked = Object.entries(all).filter(([file]) => sources.includes(file))
  if (asked.length === 0) return []
  const fixed = new Set(
    Object.values(all).flatMap(({ lists = [] }) => lists.map((each) => each.written(each.list))),
  )
  await withJudge(async (isQuestion) => {
    for (const [file, { texts, lists = [] }] of asked) {
      for (const text of texts) {
        for (const { at, was, is } of changesOf(text, fixed)) {
          const [before, after] = [text.slice(0, at), text.slice(at + was.length)]
          if (!(await isQuestion(before + is + after))) continue
          const near = (middle: string): string =>
            before.slice(-around) + middle + after.slice(0, around)
          add(file, was, is, near(was), near(is))
        }
      }
      for (const { list, written, fixed } of lists) {
        for (const { was, is } of alternativesOf(list)) {
          if (!fixed?.has(was)) add(file, was, '', written(list), written(is))
        }
      }
    }
  })
  return mutants
}

/** Gives a server that says whether it takes a text for a question, and remembers what it has said. */
async function withJudge(
  work: (isQuestion: (text: string) => Promise<boolean>) => Promise<void>,
): Promise<void> {
  const known = readKnown()
  let server: Server | undefined
  let client: pg.Client | undefined
  const ask = async (text: string): Promise<boolean> => {
    server ??= await Server.start()
    client ??= await connected(server)
    try {
      await client.query(`PREPARE changed AS ${text.slice(text.lastIndexOf(';\n') + 1)}`)
      await client.query('DEALLOCATE changed')
      return true
    } catch {
      return false
    }
  }
  try {
    await work(async (text) => {
      const key = createHash('sha1').update(text).digest('base64')
      known[key] ??= await ask(text)
      return known[key]
    })
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, JSON.stringify(known))
  } finally {
    await client?.end()
    await server?.dispose()
  }
}

async function connected({ url }: Server): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

function readKnown(): Record<string, boolean> {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return {}
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 120)
}

/** The line of a source where a text begins, as far as it is written there as it is sent. */
function lineOf(file: string, text: string): number {
  const source = readFileSync(join(root, file), 'utf8')
  const found = source.indexOf(text.split('\n', 1)[0] ?? '')
  return source.slice(0, Math.max(0, found)).split('\n').length
}

/** Has questions changed when they are sent, and keeps which a test has sent. */
export function changeQuestions(mutants: readonly SqlMutant[]): void {
  const holding = new Map<string, readonly SqlMutant[]>()
  const change = (text: unknown): unknown => {
    if (typeof text !== 'string') return text
    let here = holding.get(text)
    if (here === undefined) {
      here = mutants.filter(({ find }) => text.includes(find))
      holding.set(text, here)
    }
    const { activeMutant, currentTestId } = stryker()
    if (currentTestId !== undefined) for (const { id } of here) meet(currentTestId, id)
    const active = here.find(({ id }) => id === activeMutant)
    return active === undefined ? text : text.replaceAll(active.find, () => active.put)
  }
  stryker().asking = (text, values) => [change(text) as string, values?.map(change)]
}

function meet(test: string, id: string): void {
  const { mutantCoverage = { static: {}, perTest: {} } } = stryker()
  stryker().mutantCoverage = mutantCoverage
  const hits = mutantCoverage.perTest[test] ?? {}
  mutantCoverage.perTest[test] = hits
  hits[id] = (hits[id] ?? 0) + 1
}
