import { stateText } from '../src/catalog/reach-question.ts'
import type { Inquiry } from '../src/connection/inquiry.ts'
import { factsText } from '../src/transaction/session-facts.ts'

type Rows = readonly (readonly (string | null)[])[]

/** A server that tells what a script says of its catalog and of the session. */
export class ScriptedCatalog {
  /** Changes with each definition. */
  state: string | null = '1'
  /** Sources by the name of the function. */
  functions: Readonly<Record<string, string>> = {}
  /** Further rows of what reaches those: views, tables, what is called anywhere. */
  reached: Rows = []
  /** What the session holds, beside its own id. */
  facts: Rows = []
  pid = '1'
  /** Codes of errors that it answers instead. */
  refuses: { catalog?: string; reach?: string; state?: string; facts?: string } = {}
  /** What it was asked: each kind of question, in order. */
  readonly asked: string[] = []
  /** The settings that it was asked after last. */
  names: readonly string[] = []

  readonly ask: Inquiry = async (text, values) => {
    if (text === stateText) return this.#answer('state', [[this.state]])
    if (text === factsText) {
      const list = String(values?.[0]).slice(1, -1)
      this.names = list === '' ? [] : list.split(',').map((name) => name.replaceAll('"', ''))
      return this.#answer('facts', [['pid', this.pid, null], ...this.facts])
    }
    const sources = Object.entries(this.functions)
    if (text.includes('WITH RECURSIVE')) {
      const [askable, unnamed] = [...text.matchAll(/unnest\('\{([\d,]*)\}'/g)].map(
        ([, oids]) => oids?.split(',') ?? [],
      )
      return this.#answer('reach', [
        ...sources.flatMap(([name], i) => {
          const oid = String(20_000 + i)
          const hidden = unnamed?.includes(oid) === true
          return hidden || askable?.includes(oid) ? [['f', name, hidden ? 't' : 'f']] : []
        }),
        ...this.reached.filter(
          ([kind], i) => kind === 'anywhere' || text.includes(`'{${30_000 + i}}'`),
        ),
      ])
    }
    return this.#answer('catalog', [
      ...sources.map(([, source], i) => ['f', `{${20_000 + i}}`, 'plpgsql', source]),
      ...this.reached.map(([kind], i) => [
        kind ?? '',
        `{${30_000 + i}}`,
        'tree',
        '{:funcid 2880 }',
      ]),
      ['state', null, null, this.state],
    ])
  }

  #answer(kind: 'catalog' | 'reach' | 'state' | 'facts', rows: Rows): ReturnType<Inquiry> {
    this.asked.push(kind)
    const code = this.refuses[kind]
    return Promise.resolve({ rows: code === undefined ? rows : [], code }) as ReturnType<Inquiry>
  }
}

/** Sources by what they leave. */
export const sources = {
  askable: "BEGIN PERFORM set_config('app.who', x, false); END",
  unnamed: 'BEGIN PERFORM set_config(k, v, false); END',
  nothing: 'BEGIN RETURN 1; END',
}
