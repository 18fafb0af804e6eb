import { parseArgs } from 'node:util'
import { type SubjectName, subjectNames } from '../subjects/index.ts'

/** One flag of a command. */
export interface Flag {
  /** What stands for its value in the help. A flag without one is on or off. */
  readonly value?: string
  readonly help: string
}

/** The flags of a command, by name. */
export type Flags = Readonly<Record<string, Flag>>

/** What was typed, by flag. */
export type Typed<F extends Flags> = {
  readonly [N in keyof F]?: F[N] extends { value: string } ? string : boolean
}

/** Something typed that makes no sense. The message is one sentence for whoever typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Reads a command line that consists of these flags and nothing else. */
export function read<F extends Flags>(argv: readonly string[], flags: F): Typed<F> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  try {
    return parseArgs({ args: [...argv], options, strict: true }).values as Typed<F>
  } catch (error) {
    // "Unknown option '--foo'. To specify …": the first sentence says it all.
    const [sentence] = (error as Error).message.split(/[.\n]/)
    throw new UsageError(`${sentence}; --help lists what there is.`)
  }
}

/** A number above zero that was typed, or the default. */
export function positive(typed: string | undefined, flag: string, otherwise: number): number {
  if (typed === undefined) return otherwise
  const number = Number(typed)
  if (Number.isFinite(number) && number > 0) return number
  throw new UsageError(`--${flag} takes a number above 0, not '${typed}'.`)
}

/** Words out of a list that were typed with commas between them, or the default. */
export function words<W extends string>(
  typed: string | undefined,
  flag: string,
  known: readonly W[],
  otherwise: readonly W[],
): W[] {
  if (typed === undefined) return [...otherwise]
  const wanted = typed.split(',').map((word) => word.trim())
  const unknown = wanted.find((word) => !(known as readonly string[]).includes(word))
  if (unknown !== undefined) {
    throw new UsageError(`--${flag} knows no '${unknown}': use ${known.join(', ')}.`)
  }
  return known.filter((word) => wanted.includes(word))
}

/** Subjects that were typed; all of them where nothing was, or `all`. */
export function subjects(typed: string | undefined, flag: string): SubjectName[] {
  return words(typed === 'all' ? undefined : typed, flag, subjectNames, subjectNames)
}

/** The page that --help prints. */
export function page(what: string, flags: Flags): string {
  const rows = Object.entries(flags).map(([name, { value, help }]) => ({
    left: `--${name}${value === undefined ? '' : ` ${value}`}`,
    help,
  }))
  const width = Math.max(...rows.map(({ left }) => left.length))
  return [what, '', ...rows.map(({ left, help }) => `  ${left.padEnd(width)}  ${help}`), ''].join(
    '\n',
  )
}
