import { readFileSync } from 'node:fs'
import { join } from 'node:path'
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
/** How much of what stands around a change says which one it is. */
const around = 40

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
  const asked = Object.entries(await questions()).filter(([file]) => sources.includes(file))
  if (asked.length === 0) return []
  const server = await Server.start()
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  try {
    for (const [file, { texts, lists = [] }] of asked) {
      for (const text of texts) {
        for (const { at, was, is } of changesOf(text)) {
          const end = at + was.length
          const [before, after] = [text.slice(0, at), text.slice(end)]
          if (!(await isQuestion(client, before + is + after))) continue
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
  } finally {
    await client.end()
    await server.dispose()
  }
  return mutants
}

/** Whether the server takes it for one that it can answer. */
async function isQuestion(client: pg.Client, text: string): Promise<boolean> {
  const select = text.slice(text.lastIndexOf(';\n') + 1)
  try {
    await client.query(`PREPARE changed AS ${select}`)
    await client.query('DEALLOCATE changed')
    return true
  } catch {
    return false
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
