import { analyze, unrefusedNames } from '@reprise/core'
import { leaving } from '../../packages/pg/src/catalog/leaving.ts'
import { literal } from '../../packages/pg/src/catalog/question.ts'
import {
  type Candidates,
  candidatesText,
  reachText,
  stateText,
} from '../../packages/pg/src/catalog/reach-question.ts'
import { writing } from '../../packages/pg/src/catalog/writing.ts'
import type { Inquiry } from '../../packages/pg/src/connection/inquiry.ts'
import type { Exchange } from '../../packages/pg/src/exchange/exchange.ts'
import { Catalog } from '../../packages/pg/src/keep/keep-catalog.ts'
import { Sight } from '../../packages/pg/src/keep/keep-sight.ts'
import { timeSyntax } from '../../packages/pg/src/keep/keep-time.ts'
import { isOrderFree } from '../../packages/pg/src/keep/order.ts'
import { loadParser, type Parser } from '../../packages/pg/src/keep/parser.ts'

/** Alternatives that go with a question. */
export interface List {
  /** Between bars, as in a regular expression. */
  readonly list: string
  /** How they are written in the question. */
  readonly written: (list: string) => string
  /** Those that are named one by one elsewhere. */
  readonly fixed?: ReadonlySet<string>
}

/** What a file asks the server, as it is sent. */
export interface Question {
  readonly texts: readonly string[]
  readonly lists?: readonly List[]
}

async function asked(by: (ask: Inquiry) => Promise<unknown>): Promise<readonly string[]> {
  const found: string[] = []
  await by(async (text, values = []) => {
    found.push(text, ...values.map(String))
    return { rows: [], code: undefined }
  })
  return found
}

/** Without what other files bring, and without what is asked in another text as well. */
const plain: Candidates = {
  ...{ source: '-', cut: '-', builtin: ['-'], builtinStarts: '-', builtinTold: '-', inSql: '-' },
  ...{ shown: true, trusted: [], foreign: true },
}
const none = { askable: [], unnamed: [] }
const nothing = { f: none, r: none, w: none }
const [candidates = ''] = candidatesText(plain).split("\nUNION ALL SELECT 'state'")
const fixed = new Set(unrefusedNames)
const listsOf = (of: Candidates): Question => ({
  texts: [],
  lists: [
    ...[of.source, of.cut, of.builtinStarts, of.builtinTold, of.inSql].map((list) => ({
      list,
      written: literal,
      fixed,
    })),
    { list: of.builtin.join('|'), written: (list) => literal(`{${list.split('|')}}`), fixed },
  ],
})

/** Files whose strings are parts of their questions, and nothing else. */
export const allSql: ReadonlySet<string> = new Set([
  'packages/pg/src/catalog/reach-question.ts',
  'packages/pg/src/keep/order.ts',
])

/** The questions of those files that ask one which is worth changing. */
export async function questions(): Promise<Readonly<Record<string, Question>>> {
  const parser = (await loadParser()) as Parser
  const catalog = await asked((ask) => Catalog.read([], parser, ask))
  const sight = await asked((ask) => Sight.read(ask))
  const text = 'SELECT 1 FROM a'
  const order = await asked((ask) =>
    isOrderFree({ statement: analyze(text), text } as Exchange, ask),
  )
  return {
    'packages/pg/src/keep/keep-catalog.ts': { texts: catalog },
    'packages/pg/src/keep/keep-sight.ts': { texts: sight },
    'packages/pg/src/keep/keep-time.ts': {
      texts: [],
      lists: [{ list: timeSyntax, written: literal }],
    },
    'packages/pg/src/keep/order.ts': { texts: order.slice(0, 1) },
    'packages/pg/src/catalog/reach-question.ts': {
      texts: [stateText, reachText([], nothing), candidates],
    },
    'packages/pg/src/catalog/leaving.ts': listsOf(leaving),
    'packages/pg/src/catalog/writing.ts': listsOf(writing),
  }
}
