/** What one workload came to. */
export interface Figure {
  readonly workload: string
  /** Operations a second by plain pg, and through Reprise: medians of the rounds. */
  readonly plain: number
  readonly reprise: number
  /** The median of the rounds' own ratios: what is noise to one side is mostly noise to both. */
  readonly ratio: number
}

const roundFor = 250

/**
 * Runs two sides of a workload in short turns, so that the machine's moods meet both, and compares
 * neighbours.
 */
export async function paired(
  workload: string,
  plain: () => Promise<unknown>,
  ours: () => Promise<unknown>,
  callers: number,
  milliseconds: number,
): Promise<Figure> {
  await rate(plain, callers, roundFor)
  await rate(ours, callers, roundFor)
  const rounds: { plain: number; reprise: number }[] = []
  const until = performance.now() + milliseconds
  for (let round = 0; performance.now() < until; round++) {
    // Who goes first changes, so that neither always follows the other.
    const first = round % 2 === 0
    const a = await rate(first ? plain : ours, callers, roundFor)
    const b = await rate(first ? ours : plain, callers, roundFor)
    rounds.push(first ? { plain: a, reprise: b } : { plain: b, reprise: a })
  }
  return {
    workload,
    plain: median(rounds.map((round) => round.plain)),
    reprise: median(rounds.map((round) => round.reprise)),
    ratio: median(rounds.map((round) => round.reprise / round.plain)),
  }
}

async function rate(
  work: () => Promise<unknown>,
  callers: number,
  milliseconds: number,
): Promise<number> {
  const from = performance.now()
  const until = from + milliseconds
  let done = 0
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      await work()
      done += 1
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return (done * 1000) / (performance.now() - from)
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [a = 0, b = 0] =
    sorted.length % 2 === 0
      ? sorted.slice(middle - 1, middle + 1)
      : [sorted[middle], sorted[middle]]
  return (a + b) / 2
}
