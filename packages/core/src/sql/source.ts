import { Lexer } from './lexer.ts'
import { lower } from './names.ts'
import { nameAt, type Tokens, written } from './tokens.ts'

/** What the source of a function can leave in the session that runs it, beyond its transaction. */
export interface Leavings {
  /** Whether it can leave anything there. */
  readonly leaves: boolean
  /** Whether that can be a setting whose name the source does not show: it can be asked after by none. */
  readonly unnamed: boolean
  /** The settings that it may make, in lower case. */
  readonly settings: readonly string[]
}

/** How many tokens of a call, or of a text that is put together, are looked at. */
const farthest = 256

/** How deep strings are followed that are executed as statements in turn. */
const deepest = 4

/**
 * What a statement can begin behind in PL/pgSQL and SQL; `>` ends a label. SET behind anything else
 * belongs to an UPDATE.
 */
const openers: ReadonlySet<string> = new Set('; > begin then else loop atomic'.split(' '))

/** Words of commands that leave something behind wherever they stand. */
const commands: ReadonlySet<string> = new Set(
  'RESET DISCARD LISTEN UNLISTEN PREPARE DEALLOCATE TEMP TEMPORARY'.split(' '),
)

/** Functions of PostgreSQL's own that leave what can be asked after. */
const askable = /^pg_(try_)?advisory_(un)?lock(_shared|_all)?$/

/** Functions that leave what no server shows, or that execute a text they are given. */
const hidden =
  /^(setseed|set_limit|dblink\w*|query_to_xml\w*|cursor_to_xml\w*|ts_stat|ts_rewrite|spi_\w+|pg_replication_origin_session_setup)$/

/**
 * Whether a call of a function of this name may leave something in the session, whoever calls it.
 * set_config and the advisory locks are judged where they are called, by their arguments.
 */
export function leavesUnseen(name: string): boolean {
  return hidden.test(name)
}

/** A reading of one source, and of the strings in it that are statements. */
class Reading {
  leaves = false
  unnamed = false
  readonly settings = new Set<string>()

  read(text: string, depth: number): void {
    const lexer = new Lexer(text)
    while (!lexer.done) lexer.next()
    if (lexer.ambiguous || depth > deepest) this.unnamed = true
    for (let i = 0; i < lexer.words.length; i++) this.#at(lexer, i, depth)
    this.leaves ||= this.unnamed || this.settings.size > 0
  }

  #at(tokens: Tokens, i: number, depth: number): void {
    const { words } = tokens
    const word = words[i] as string
    // Behind a dot stands the name of a column, whatever it is.
    const qualified = words[i - 1] === '.' && word !== 'name' && word !== 'quoted'
    if (qualified) return
    if (word === 'SET') this.#set(tokens, i)
    else if (word === 'EXECUTE') this.#execute(tokens, i, depth)
    else if (word === 'LOAD') this.unnamed = true
    else if (word === 'DO' && words[i + 1] === 'string') this.#run(tokens, i + 1, depth)
    else if (commands.has(word)) this.leaves = true
    else if (word === 'name' || word === 'quoted') {
      const name = nameAt(tokens, i)
      if (name === 'pg_temp' || name === 'pg_settings' || askable.test(name)) this.leaves = true
      else if (hidden.test(name)) this.unnamed = true
      else if (name === 'set_config') this.#setConfig(tokens, i)
    }
  }

  #set(tokens: Tokens, i: number): void {
    const { words } = tokens
    if (i > 0 && !openers.has(lower(written(tokens, i - 1)))) return
    let at = i + 1
    if (words[at] === 'LOCAL' || words[at] === 'TRANSACTION' || words[at] === 'CONSTRAINTS') return
    if (words[at] === 'SESSION') at++
    this.leaves = true
    let name = settingName(tokens, at)
    if (name === undefined) {
      this.unnamed = true
      return
    }
    while (words[at + 1] === '.') {
      at += 2
      name += `.${settingName(tokens, at) ?? ''}`
    }
    if (name.includes('.')) this.settings.add(name)
  }

  /** set_config(name, value, is_local). */
  #setConfig(tokens: Tokens, i: number): void {
    const [name, , local] = splitArguments(tokens, i + 1) ?? []
    const { text: source, starts, ends } = tokens
    const end = local && source.slice(starts[local[0]], ends[local[1] - 1])
    if (end !== undefined && /^(is_local\s*(=>|:=)\s*)?true$/i.test(end)) return
    const text = name && settingIn(tokens, name)
    if (text === undefined || !/^[\w.]+$/.test(text)) this.unnamed = true
    else this.settings.add(lower(text))
  }

  /** EXECUTE of PL/pgSQL: of a string, or of what is put together from strings and values. */
  #execute(tokens: Tokens, i: number, depth: number): void {
    const { words } = tokens
    // CREATE TRIGGER … EXECUTE FUNCTION, GRANT EXECUTE ON: neither runs a text.
    const next = words[i + 1]
    if (next === 'FUNCTION' || next === 'PROCEDURE' || next === 'ON') return
    this.leaves = true
    let at = i + 1
    while (words[at] === '(' || lower(written(tokens, at)) === 'format') at++
    if (words[at] !== 'string') {
      this.unnamed = true
      return
    }
    // What is executed is itself a value.
    if (/^\s*(explain\b[^%]*)?(%|$)/i.test(contentAt(tokens, at) ?? '')) this.unnamed = true
    const end = at + farthest
    for (; at < words.length && words[at] !== ';'; at++) {
      if (words[at] === 'string') this.#run(tokens, at, depth)
      if (at < end) continue
      this.unnamed = true
      return
    }
  }

  /** A string, or a piece of one, that is executed. */
  #run(tokens: Tokens, i: number, depth: number): void {
    this.leaves = true
    const text = contentAt(tokens, i)
    if (text === undefined) this.unnamed = true
    else this.read(text, depth + 1)
  }
}

/** What a source in SQL or PL/pgSQL can leave in the session. What it does not understand leaves all. */
export function leavingsOf(source: string): Leavings {
  const reading = new Reading()
  reading.read(source, 0)
  return {
    leaves: reading.leaves,
    unnamed: reading.unnamed,
    settings: [...reading.settings],
  }
}

/** The name that an argument is, as it is written or as a body in SQL is shown: with its type. */
function settingIn(tokens: Tokens, [from, to]: readonly [number, number]): string | undefined {
  const alone = to === from + 1
  const typed =
    to === from + 3 && tokens.words[from + 1] === '::' && tokens.words[from + 2] === 'TEXT'
  return alone || typed ? contentAt(tokens, from) : undefined
}

function settingName(tokens: Tokens, i: number): string | undefined {
  const word = tokens.words[i]
  const named = word === 'name' || word === 'quoted' || /^[A-Z]/.test(word ?? '')
  return named ? lower(nameAt(tokens, i)) : undefined
}

/** The tokens [from, to) of each argument of a call; token `open` opens it. Undefined where it is no call. */
function splitArguments(
  { words }: Tokens,
  open: number,
): (readonly [number, number])[] | undefined {
  if (words[open] !== '(') return undefined
  const found: (readonly [number, number])[] = []
  let depth = 0
  let from = open + 1
  for (let i = open; i < Math.min(words.length, open + farthest); i++) {
    const word = words[i]
    if (word === '(' || word === '[') depth++
    else if (word === ')' || word === ']') depth--
    if (i === open || depth > 1 || (depth === 1 && word !== ',')) continue
    found.push([from, i])
    from = i + 1
    if (depth === 0) return found
  }
  return undefined
}

/** What a string says; undefined where that takes more than to take its quotes off. */
function contentAt(tokens: Tokens, i: number): string | undefined {
  if (tokens.words[i] !== 'string') return undefined
  const text = written(tokens, i)
  const dollars = /^\$\w*\$/.exec(text)?.[0]
  if (dollars !== undefined) return text.slice(dollars.length, -dollars.length)
  if (/^'.*'$/s.test(text) && !text.includes('\\')) return text.slice(1, -1).replaceAll("''", "'")
  return /^E'[^\\]*'$/is.test(text) ? text.slice(2, -1).replaceAll("''", "'") : undefined
}
