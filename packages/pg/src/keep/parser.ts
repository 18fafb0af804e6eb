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

/** What is used of pgsql-parser. */
interface Module {
  loadModule(): Promise<void>
  parseSync(text: string): unknown
  deparseSync(tree: never): string
}

interface Tree {
  readonly stmts?: readonly { readonly stmt?: Node }[]
}

let loading: Promise<Parser | undefined> | undefined

/**
 * Loads the parser, 2 MB of WebAssembly, when it is first asked for: the replay of a transaction is
 * the only thing that needs it. Where it cannot be loaded there is none.
 */
export function loadParser(): Promise<Parser | undefined> {
  loading ??= import('pgsql-parser')
    .then(async (module) => {
      const parser = module as unknown as Module
      await parser.loadModule()
      return parserOf(parser)
    })
    .catch(() => undefined)
  return loading
}

function parserOf({ parseSync, deparseSync }: Module): Parser {
  const read = (text: string): Node | undefined => {
    if (text.length > longest) return undefined
    try {
      const { stmts } = parseSync(text) as Tree
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
