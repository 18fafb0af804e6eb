import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Instrumenter } from '@stryker-mutator/instrumenter'

/** A small change of a source, as Stryker makes it. */
export interface Mutant {
  /** What switches it on, in this instrumentation. */
  readonly id: string
  /** What it is called, whatever lines are added around it. */
  readonly name: string
  /** The source, by its path from the root. */
  readonly file: string
  /** The line where it begins, from 1. */
  readonly line: number
  readonly kind: string
  /** What it replaces, and by what, each on one line. */
  readonly was: string
  readonly is: string
}

/** Sources that hold all of their mutants, each of which `__stryker__.activeMutant` switches on. */
export interface Instrumented {
  readonly mutants: readonly Mutant[]
  /** The text of each source, by its absolute path. */
  readonly texts: Map<string, string>
}

const nothing = (): undefined => undefined
const no = (): false => false
const silent = {
  ...{ isTraceEnabled: no, isDebugEnabled: no, isInfoEnabled: no },
  ...{ isWarnEnabled: no, isErrorEnabled: no, isFatalEnabled: no },
  ...{ trace: nothing, debug: nothing, info: nothing },
  ...{ warn: nothing, error: nothing, fatal: nothing },
}

/** Makes every mutant of the sources. */
export async function instrument(root: string, sources: readonly string[]): Promise<Instrumented> {
  const texts = new Map<string, string>()
  const mutants: Mutant[] = []
  const contents = sources.map((file) => readFileSync(join(root, file), 'utf8'))
  const files = sources.map((file, i) => ({
    name: join(root, file),
    mutate: true,
    content: contents[i] as string,
  }))
  const made = await new Instrumenter(silent).instrument(files, {
    plugins: null,
    excludedMutations: [],
    ignorers: [],
    noHeader: false,
  })
  for (const { name, content } of made.files) texts.set(name, content)
  const seen = new Map<string, number>()
  for (const { id, fileName, location, mutatorName, replacement } of made.mutants) {
    const i = files.findIndex(({ name }) => name === fileName)
    const file = sources[i] as string
    const was = oneLine(cut(contents[i] as string, location))
    const is = oneLine(String(replacement))
    const words = `${file} ${mutatorName} ${was} => ${is}`
    const count = seen.get(words) ?? 0
    seen.set(words, count + 1)
    const line = location.start.line + 1
    mutants.push({ id, name: `${words} #${count}`, file, line, kind: mutatorName, was, is })
  }
  return { mutants, texts }
}

interface Place {
  readonly line: number
  readonly column: number
}

function cut(text: string, { start, end }: { readonly start: Place; readonly end: Place }): string {
  const lines = text.split('\n')
  if (start.line === end.line) return (lines[start.line] ?? '').slice(start.column, end.column)
  return [
    (lines[start.line] ?? '').slice(start.column),
    ...lines.slice(start.line + 1, end.line),
    (lines[end.line] ?? '').slice(0, end.column),
  ].join('\n')
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 120)
}
