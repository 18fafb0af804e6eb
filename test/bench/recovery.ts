import { Server } from '../kit/index.ts'
import { machine } from './machine.ts'
import type { BenchOptions } from './options.ts'
import { type Replays, replays, settingsFlights } from './replays.ts'
import { type Fault, faults, returnTimes } from './return-times.ts'
import type { Section } from './section.ts'
import { median } from './statistics.ts'

/** How long it takes to come back, in milliseconds: medians of the trials. */
export interface Return {
  readonly fault: Fault
  readonly sessions: number
  /** Of the middle session, and of the last one. */
  readonly loop: { readonly middle: number; readonly last: number }
  readonly reprise: { readonly middle: number; readonly last: number }
}

/** All of it. */
export interface RecoveryFigures {
  readonly returns: readonly Return[]
  readonly replays: readonly Replays[]
  /** Round trips of a reconnect, by how many settings the session has. */
  readonly flights: readonly { readonly settings: number; readonly flights: number }[]
}

const crowds = [1, 50]
/** Trials of each side. */
const trials = 20

/** From a kill to the first success, against a loop that knocks without a pause. */
export async function recovery(
  { rounds }: BenchOptions,
  told: (cells: readonly string[]) => void,
): Promise<{ figures: RecoveryFigures; section: Section }> {
  const server = await Server.start({ settings: { fsync: 'off' } })
  try {
    const url = await server.createDatabase()
    told(head)
    const returns: Return[] = []
    const times = Math.min(trials, rounds)
    for (const fault of faults) {
      for (const sessions of crowds) {
        const all = { loop: [] as number[][], reprise: [] as number[][] }
        for (let trial = 0; trial < times; trial++) {
          const sides = Math.random() < 0.5 ? sideNames : sideNames.toReversed()
          for (const side of sides) {
            all[side].push(await returnTimes(server, url, side, sessions, fault))
          }
        }
        const told2 = (list: number[][]) => ({
          middle: median(list.map(median)),
          last: median(list.map((each) => Math.max(...each))),
        })
        const found = { fault, sessions, loop: told2(all.loop), reprise: told2(all.reprise) }
        returns.push(found)
        told(cellsOf(found))
      }
    }
    const replayed: Replays[] = []
    for (const statements of [1, 10, 100]) {
      const found = await replays(server, url, statements, times)
      replayed.push(found)
      told(replayCells(found))
    }
    const flights = await settingsFlights(server, url, [0, 1, 20])
    for (const each of flights) told(flightCells(each))
    const figures = { returns, replays: replayed, flights }
    return { figures, section: sectionOf(figures, times, await machine(server)) }
  } finally {
    await server.dispose()
  }
}

const sideNames = ['loop', 'reprise'] as const

const head = ['what', 'baseline', 'reprise', 'ratio', 'goal']

const ms = (value: number): string => `${value.toFixed(1)} ms`

function cellsOf({ fault, sessions, loop, reprise }: Return): string[] {
  const both = ({ middle, last }: Return['loop']): string =>
    sessions === 1 ? ms(middle) : `${ms(middle)} (last ${ms(last)})`
  return [
    `${fault}, ${sessions === 1 ? '1 session' : `${sessions} sessions`}`,
    both(loop),
    both(reprise),
    (reprise.middle / loop.middle).toFixed(2),
    '1.20',
  ]
}

function replayCells({ statements, executed, replayed }: Replays): string[] {
  return [
    `replay of ${statements} statement${statements === 1 ? '' : 's'}`,
    ms(executed),
    ms(replayed),
    (replayed / executed).toFixed(2),
    '1.10',
  ]
}

function flightCells({ settings, flights }: RecoveryFigures['flights'][number]): string[] {
  return [`${settings} settings to restore`, '', `${flights} round trips`, '', '']
}

function sectionOf(
  { returns, replays, flights }: RecoveryFigures,
  times: number,
  where: Section['machine'],
): Section {
  return {
    name: 'recovery',
    title: 'Recovery',
    words: `From the kill to the first answer by another backend, while each session asks all the time; the baseline is a loop that connects again without a pause. The middle session's time, median of ${times} trials, sides in random order. Replay: the baseline is the same statements by plain pg on a new connection. Restoring settings counts the round trips of a reconnect, from the first frame to the statement's answer.`,
    machine: where,
    head,
    rows: [...returns.map(cellsOf), ...replays.map(replayCells), ...flights.map(flightCells)],
    plots: [
      {
        kind: 'bars',
        title: 'From the kill to the first success of the middle session',
        unit: 'ms',
        bars: returns.flatMap(({ fault, sessions, loop, reprise }) => [
          { name: `${fault}, ${sessions}: tight loop`, value: loop.middle, tone: 'without' },
          { name: `${fault}, ${sessions}: reprise`, value: reprise.middle, tone: 'with' },
        ]),
      },
    ],
  }
}
