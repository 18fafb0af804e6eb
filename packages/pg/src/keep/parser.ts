import { type Log, publish } from '@reprise/core'
import type { Memory } from '../../libpg-query/index.cjs'
import { type Node, sameTree } from './tree.ts'

/** Longer texts take longer to read and write than anybody should wait at one go. */
const longest = 256 * 1024

/** PostgreSQL's own parser, and the way back from its tree to a text. */
export interface Parser {
  /** The tree of a text; undefined unless it is one statement that the parser understands. */
  read(text: string): Node | undefined
  /** The tree of an expression; undefined if it is none. */
  readExpression(text: string): Node | undefined
  /**
   * A text for a tree. It is read again, and undefined is answered unless that gives the same tree:
   * what is sent means what the tree says, whatever the deparser may get wrong.
   */
  write(statement: Node): string | undefined
}

type Deparse = (tree: never) => string

interface Tree {
  readonly stmts?: readonly { readonly stmt?: Node }[]
}

let loading: Promise<Parser | undefined> | undefined

/**
 * Loads the parser when it is first asked for: the replay of a transaction is the only thing that
 * needs it, and the first use takes about 0.1 s, 0.05 s of that to unpack what a bundler can carry.
 * Where it cannot be loaded there is none, and an advice says so, once.
 * @param log where that is written
 */
export function loadParser(log?: Log): Promise<Parser | undefined> {
  loading ??= Promise.all([import('../../libpg-query/index.cjs'), import('pgsql-deparser')])
    .then(async ([libpgQuery, deparser]) =>
      parserOf(await libpgQuery.load(), deparser.deparseSync as Deparse),
    )
    .catch((error) => {
      publish('reprise:advice', { advice: unloadable(error) }, log)
      return undefined
    })
  return loading
}

function unloadable(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error)
  return `Values that the database generates cannot be kept when a transaction is replayed, so that an INSERT … RETURNING of a serial diverges, because PostgreSQL's parser could not be loaded (${reason}): copy node_modules/@reprise/pg and node_modules/pgsql-deparser with what they depend on to where the program runs, and set @reprise/pg as external in the bundler.`
}

/** The tree of a text as libpg_query writes it in JSON; undefined where it finds an error. */
function parse(memory: Memory, text: string): Tree | undefined {
  const bytes = memory.lengthBytesUTF8(text) + 1
  const pointer = memory._malloc(bytes)
  let result = 0
  try {
    memory.stringToUTF8(text, pointer, bytes)
    result = memory._wasm_parse_query_raw(pointer)
    // A PgQueryParseResult: the tree, what was written to stderr, the error.
    const tree = memory.getValue(result, 'i32')
    const error = memory.getValue(result + 8, 'i32')
    return error === 0 ? JSON.parse(memory.UTF8ToString(tree)) : undefined
  } finally {
    memory._free(pointer)
    memory._wasm_free_parse_result(result)
  }
}

function parserOf(memory: Memory, deparseSync: Deparse): Parser {
  const read = (text: string): Node | undefined => {
    if (text.length > longest) return undefined
    try {
      const stmts = parse(memory, text)?.stmts
      return stmts?.length === 1 ? stmts[0]?.stmt : undefined
    } catch {
      return undefined
    }
  }
  return {
    read,
    readExpression(text) {
      const targets = read(`SELECT ${text}`)?.SelectStmt?.targetList
      return targets?.length === 1 ? targets[0]?.ResTarget?.val : undefined
    },
    write(statement) {
      try {
        const text = deparseSync({ stmts: [{ stmt: statement }] } as never)
        return sameTree(read(text), statement) ? text : undefined
      } catch {
        return undefined
      }
    },
  }
}
