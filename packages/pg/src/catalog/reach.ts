import type { Member, Statement } from '@reprise/core'

/**
 * What a statement can do by what it calls without showing it: nothing; something that the server can
 * be asked after; or something that it cannot be, since nobody knows its name.
 */
export type Reached = 'nothing' | 'askable' | 'unnamed'

/** What has been found to reach, by its name in lower case, and whether what it does has no name. */
export interface Names {
  /** Functions. */
  readonly f: ReadonlyMap<string, boolean>
  /** Relations, when they are read. */
  readonly r: ReadonlyMap<string, boolean>
  /** Relations, when they are written to. */
  readonly w: ReadonlyMap<string, boolean>
  /** Something that is called without a name. */
  readonly anywhere: boolean | undefined
  /** An event trigger, which any definition may fire. */
  readonly defining: boolean | undefined
}

/** The longest text that is searched: a longer one is taken to reach whatever there is. */
const longest = 64 * 1024

/**
 * What of a database's own a statement can reach, by the catalog's word. Names are compared without
 * their schema, wherever they stand in a text: it finds too much rather than too little.
 */
export class Reach {
  /** Whether there is anything to be reached. */
  readonly empty: boolean
  /** The worst that can be reached. */
  readonly worst: Reached
  readonly #names: Names
  /** Names that hold more than letters, digits, `_` and `$`. */
  readonly #odd: readonly string[]
  readonly #known = new WeakMap<Statement, Reached>()

  constructor(names: Names) {
    this.#names = names
    const { f, r, w, anywhere, defining } = names
    const all = [...f.keys(), ...r.keys(), ...w.keys()]
    this.empty = all.length === 0 && anywhere === undefined && defining === undefined
    const flags = [anywhere, defining, ...f.values(), ...r.values(), ...w.values()]
    this.worst = this.empty ? 'nothing' : level(flags.includes(true))
    this.#odd = all.filter((name) => /[^\p{L}\p{N}_$]/u.test(name))
  }

  /** What of it does something that has no name. */
  get unnamed(): Reach {
    const { f, r, w, anywhere, defining } = this.#names
    const only = (names: ReadonlyMap<string, boolean>) =>
      new Map([...names].filter(([, flag]) => flag))
    return new Reach({
      ...{ f: only(f), r: only(r), w: only(w) },
      ...{ anywhere: anywhere || undefined, defining: defining || undefined },
    })
  }

  /** Whether another one reaches nothing that this one does not. */
  covers(other: Reach): boolean {
    if (this.#names.anywhere === true) return true
    const within = (mine: ReadonlyMap<string, boolean>, theirs: ReadonlyMap<string, boolean>) =>
      [...theirs].every(([name, unnamed]) => mine.get(name) === true || mine.get(name) === unnamed)
    const { f, r, w, anywhere, defining } = other.#names
    const mine = this.#names
    const same =
      (anywhere === undefined || anywhere === mine.anywhere) &&
      (defining === undefined || defining === mine.defining || mine.defining === true)
    return same && within(mine.f, f) && within(mine.r, r) && within(mine.w, w)
  }

  /** What a statement reaches. Values that are written in it make no difference. */
  of(statement: Statement, text: string): Reached {
    if (this.empty) return 'nothing'
    const known = this.#known.get(statement)
    if (known !== undefined) return known
    const found = this.#find(statement, text)
    this.#known.set(statement, found)
    return found
  }

  #find({ reads, members, ambiguous }: Statement, text: string): Reached {
    const { f, r, w, anywhere, defining } = this.#names
    let found: Reached = anywhere === undefined ? 'nothing' : level(anywhere)
    const meet = (unnamed: boolean | undefined): void => {
      if (unnamed !== undefined) found = worse(found, level(unnamed))
    }
    if (ambiguous || members.some(({ kind }) => definers.has(kind))) meet(defining)
    const all = text.length > longest || /u&"/i.test(text)
    if (all) for (const names of [f, r, w]) for (const unnamed of names.values()) meet(unnamed)
    const lower = text.toLowerCase()
    for (const name of this.#odd) {
      if (!lower.includes(name) && !lower.includes(name.replaceAll('"', '""'))) continue
      for (const names of [f, r, w]) meet(names.get(name))
    }
    if (all) return found
    for (const { 0: word, index } of lower.matchAll(/[\p{L}\p{N}_$]+/gu)) {
      meet(r.get(word))
      if (!reads) meet(w.get(word))
      const unnamed = f.get(word)
      if (unnamed !== undefined && isCall(lower, index, index + word.length)) meet(unnamed)
    }
    return found
  }
}

/** What may fire event triggers. Of what a function may do in its place the catalog tells. */
const definers: ReadonlySet<Member['kind']> = new Set(['definition', 'other', 'procedure'])

/** How far on either side of a name it is looked what the name is. */
const near = 80

/** A function is named before a parenthesis, or behind a dot: x.f is f(x), too. A comment may be between. */
function isCall(text: string, from: number, to: number): boolean {
  const behind = text.slice(to, to + near).replace(/^"/, '')
  const before = text.slice(Math.max(0, from - near), from).replace(/"$/, '')
  if (isBlank(behind) || isBlank(before)) return true
  if (/^\s*(\(|--|\/\*)/.test(behind) || /(\.|\*\/)\s*$/.test(before)) return true
  // What ends with a line may be a comment.
  return /[\n\r]\s*$/.test(before) && text.includes('--')
}

/** Whether all that is looked at is white space. */
function isBlank(part: string): boolean {
  return part.length >= near - 1 && part.trim() === ''
}

/** What is reached by something that is, or is not, known by its name. */
export function level(unnamed: boolean): Reached {
  return unnamed ? 'unnamed' : 'askable'
}

/** The worse of two. */
export function worse(a: Reached, b: Reached): Reached {
  if (a === 'unnamed' || b === 'unnamed') return 'unnamed'
  return a === 'askable' || b === 'askable' ? 'askable' : 'nothing'
}
