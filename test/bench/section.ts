import type { Machine } from './machine.ts'

/** A ratio as it is drawn: 1 is plain pg. */
export interface RatioMark {
  readonly title: string
  readonly ratio: number
  readonly within: number
  readonly cpu: number
  readonly goal: number
}

/** One curve. */
export interface Curve {
  readonly name: string
  readonly tone: 'with' | 'without' | 'other'
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** A picture beside the numbers. */
export type Plot =
  | { readonly kind: 'ratios'; readonly title: string; readonly marks: readonly RatioMark[] }
  | {
      readonly kind: 'curves'
      readonly title: string
      readonly x: string
      readonly y: string
      readonly curves: readonly Curve[]
    }
  | {
      readonly kind: 'bars'
      readonly title: string
      readonly unit: string
      readonly bars: readonly { name: string; value: number; tone: Curve['tone'] }[]
    }

/** What one measurement came to, for readers: a part of BENCHMARKS.md and of the HTML report. */
export interface Section {
  /** By it a later run takes its place. */
  readonly name: string
  readonly title: string
  /** What was done, in a sentence or two. */
  readonly words: string
  readonly machine: Machine
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly plots: readonly Plot[]
}
