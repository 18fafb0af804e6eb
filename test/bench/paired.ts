import type { Cpu, CpuMeter } from './cpu.ts'
import { commonRatio, type Estimate, median } from './statistics.ts'

/** What one workload came to. */
export interface Figure {
  readonly workload: string
  /** Operations a second by plain pg, and through Reprise: medians of the rounds. */
  readonly plain: number
  readonly reprise: number
  /** What the rounds' own ratios have in common: noise to one side is mostly noise to both. */
  readonly ratio: Estimate
  /** CPU of plain pg to that of Reprise, client and server together. */
  readonly cpuRatio: Estimate
  readonly cpu: { readonly plain: Cpu; readonly reprise: Cpu }
  readonly rounds: number
}

/** How long and how exactly it is measured. */
export interface Effort {
  /** Operations under way at once. */
  readonly callers: number
  /** Milliseconds that each side runs in a round. */
  readonly roundFor: number
  /** The interval of the ratio that is good enough. */
  readonly within: number
  readonly most: number
}

/** How long a side runs in a turn before it counts, in milliseconds, and in how many turns at most. */
const warmUp = 700
const mostWarmUps = 14

/** What a turn must save of the cheapest so far to show that the compiler is not done. */
const stillCheaper = 0.02

/** Before so many rounds an interval says little. */
const fewest = 8

interface Turn {
  readonly rate: number
  readonly done: number
  readonly cpu: Cpu
}

type Round = Readonly<Record<'plain' | 'reprise', Turn>>

/**
 * Runs two sides of a workload in short turns, so that the machine's moods meet both, and compares
 * neighbours until the ratio is known well enough. A coin says who goes first.
 */
export async function paired(
  workload: string,
  plain: () => Promise<unknown>,
  ours: () => Promise<unknown>,
  metered: () => Promise<CpuMeter>,
  effort: Effort,
): Promise<Figure> {
  const { callers, roundFor } = effort
  const first = await metered()
  await warm([plain, ours], (side) => turn(side, first, callers, warmUp))
  // Only now all connections are there.
  const meter = await metered()
  const rounds: Round[] = []
  while (rounds.length < effort.most) {
    const before = Math.random() < 0.5
    const a = await turn(before ? plain : ours, meter, callers, roundFor)
    const b = await turn(before ? ours : plain, meter, callers, roundFor)
    rounds.push(before ? { plain: a, reprise: b } : { plain: b, reprise: a })
    if (rounds.length < fewest) continue
    if (ratioOf(rounds).within <= effort.within) break
  }
  return {
    workload,
    plain: median(rounds.map((round) => round.plain.rate)),
    reprise: median(rounds.map((round) => round.reprise.rate)),
    ratio: ratioOf(rounds),
    cpuRatio: commonRatio(rounds.map(({ plain, reprise }) => total(plain) / total(reprise))),
    cpu: { plain: mean(rounds, 'plain'), reprise: mean(rounds, 'reprise') },
    rounds: rounds.length,
  }
}

/**
 * Runs all sides in turns until none has got cheaper twice running. What runs for hours has been compiled,
 * and the compiler would count for whoever has more to compile.
 */
async function warm(
  sides: readonly (() => Promise<unknown>)[],
  run: (side: () => Promise<unknown>) => Promise<Turn>,
): Promise<void> {
  const cheapest = sides.map(() => Infinity)
  let settled = 0
  for (let i = 0; i < mostWarmUps && settled < 2; i++) {
    settled += 1
    for (const [at, side] of sides.entries()) {
      const { cpu, done } = await run(side)
      const cost = cpu.client / done
      const least = cheapest[at] as number
      if (cost < least * (1 - stillCheaper)) settled = 0
      cheapest[at] = Math.min(least, cost)
    }
  }
}

function ratioOf(rounds: readonly Round[]): Estimate {
  return commonRatio(rounds.map(({ plain, reprise }) => reprise.rate / plain.rate))
}

/** CPU of one operation. */
function total({ cpu, done }: Turn): number {
  return (cpu.client + (cpu.server ?? 0)) / done
}

function mean(rounds: readonly Round[], side: 'plain' | 'reprise'): Cpu {
  const done = rounds.reduce((sum, round) => sum + round[side].done, 0)
  const sum = (of: (cpu: Cpu) => number): number =>
    rounds.reduce((all, round) => all + of(round[side].cpu), 0) / done
  const told = rounds.every((round) => round[side].cpu.server !== undefined)
  return {
    client: sum(({ client }) => client),
    server: told ? sum(({ server }) => server ?? 0) : undefined,
  }
}

async function turn(
  work: () => Promise<unknown>,
  meter: CpuMeter,
  callers: number,
  milliseconds: number,
): Promise<Turn> {
  const before = meter.read()
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
  const took = performance.now() - from
  const after = meter.read()
  const server =
    after.server === undefined || before.server === undefined
      ? undefined
      : after.server - before.server
  return {
    rate: (done * 1000) / took,
    done,
    cpu: { client: after.client - before.client, server },
  }
}
