import { labelOf } from './keep-label.ts'
import type { Parser } from './parser.ts'
import { builtin, type Cast, type Node, words } from './tree.ts'

/** The words by which SQL speaks of the time at which a transaction began, or may. */
const timeWords =
  'now|transaction_timestamp|current_(date|time|timestamp)|local(time|timestamp)|today|tomorrow|yesterday|timetz'

/** The same for the catalog, in PostgreSQL's regular expressions, and what only the catalog shows. */
export const timeSyntax: string = `\\m(${timeWords}|pg_(stat|timezone|prepared)\\w*|jsonb_path_\\w+_tz)\\M|\\mage\\s*\\(|\\mtime(\\s*\\(\\d\\))? with time zone`

/** Whether a text may speak of the time at which its transaction began. */
export const speaksOfTime: RegExp = new RegExp(
  `\\b(${timeWords})\\b|\\bage\\s*\\(|\\btime(\\s*\\(\\d\\))? with time zone`,
  'i',
)

/** How an instant is written so that every DateStyle and TimeZone reads it the same way. */
export const instantForm: RegExp =
  /^\d{4,}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d){0,2}$/

/** What each SQL function of time is, said of an instant. */
const casts: { readonly [op: string]: string } = {
  SVFOP_CURRENT_DATE: 'pg_catalog.date',
  SVFOP_CURRENT_TIME: 'time with time zone',
  SVFOP_CURRENT_TIME_N: 'time(?) with time zone',
  SVFOP_CURRENT_TIMESTAMP: '',
  SVFOP_CURRENT_TIMESTAMP_N: 'timestamp(?) with time zone',
  SVFOP_LOCALTIME: 'time without time zone',
  SVFOP_LOCALTIME_N: 'time(?) without time zone',
  SVFOP_LOCALTIMESTAMP: 'timestamp without time zone',
  SVFOP_LOCALTIMESTAMP_N: 'timestamp(?) without time zone',
}

const days: { readonly [word: string]: string } = {
  today: '',
  tomorrow: ' + 1',
  yesterday: ' - 1',
}
const dayTypes = new Set(['date', 'timestamp', 'timestamptz'])
const timeTypes = new Set([...dayTypes, 'time', 'timetz'])

/** A name that the rewritten expression would have lost is not known. */
class Unnameable extends Error {
  override readonly name = 'Unnameable'
}

/**
 * The time at which the lost transaction began. now() and its kin are that time (they are the
 * transaction's, not the statement's), so in its replay they have to stay what they were; what they
 * are cast to follows the session's time zone, which is in place again.
 */
export class Clock {
  readonly #parser: Parser
  readonly #instant: string

  /** @param instant in {@link instantForm} */
  constructor(parser: Parser, instant: string) {
    this.#parser = parser
    this.#instant = `CAST('${instant}' AS timestamp with time zone)`
  }

  /**
   * Puts the instant in the place of all that means it in a tree.
   * @returns whether there was something
   * @throws Unnameable
   */
  set(tree: object): boolean {
    let changed = false
    for (const [field, below] of Object.entries(tree)) {
      if (typeof below !== 'object' || below === null) continue
      // FROM now() takes a call and nothing else.
      if (field === 'RangeFunction') continue
      const instead = this.#for(below as Node)
      if (instead !== undefined) {
        ;(tree as Record<string, unknown>)[field] = instead
        changed = true
      } else if (field === 'targetList' && 'limitOption' in tree) {
        changed = this.#setNamed(below as Node[]) || changed
      } else if (field === 'returningClause') {
        changed = this.#setNamed((below as { exprs?: Node[] }).exprs ?? []) || changed
      } else changed = this.set(below) || changed
    }
    return changed
  }

  /** In a list whose members others may know by name, the names stay. */
  #setNamed(targets: readonly Node[]): boolean {
    let changed = false
    for (const { ResTarget: target } of targets) {
      if (target?.val === undefined) continue
      const label = target.name ?? labelOf(target.val)
      if (!this.set(target)) continue
      changed = true
      if (label === undefined) throw new Unnameable()
      if (labelOf(target.val) !== label) target.name ??= label
    }
    return changed
  }

  #for(node: Node): Node | undefined {
    const { FuncCall: call, SQLValueFunction: value, TypeCast: cast } = node
    if (call !== undefined) {
      const name = call.args === undefined ? builtin(call) : undefined
      return name === 'now' || name === 'transaction_timestamp' ? this.#write('') : undefined
    }
    if (value !== undefined) {
      const type = casts[value.op ?? '']
      return type === undefined ? undefined : this.#write(type.replace('?', `${value.typmod ?? 0}`))
    }
    const arg = cast === undefined ? undefined : this.#forWord(cast)
    return arg === undefined ? undefined : { TypeCast: { ...cast, arg } }
  }

  /** 'now'::timestamptz, and the days next to it. */
  #forWord({ arg, typeName }: Cast): Node | undefined {
    const { sval } = (arg?.A_Const as { sval?: { sval?: string } } | undefined) ?? {}
    const word = sval?.sval?.trim().toLowerCase() ?? ''
    const type = words(typeName?.names).at(-1) ?? ''
    if (word === 'now') return timeTypes.has(type) ? this.#write('') : undefined
    const day = days[word]
    return day !== undefined && dayTypes.has(type) ? this.#write('pg_catalog.date', day) : undefined
  }

  #write(type: string, rest = ''): Node {
    const text = type === '' ? this.#instant : `CAST(${this.#instant} AS ${type})`
    return this.#parser.readExpression(text + rest) as Node
  }
}
