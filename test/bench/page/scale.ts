/** From values to places. */
export type Scale = (value: number) => number

/** A straight scale, to one decimal. */
export function linear(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
): Scale {
  const span = high - low || 1
  return (value) => Math.round((from + ((value - low) / span) * (to - from)) * 10) / 10
}

/** Round numbers from 0 up to a most, about so many. */
export function ticks(most: number, about: number): number[] {
  const raw = most / about
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = ([1, 2, 5, 10].find((times) => times * power >= raw) ?? 10) * power
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step)
}

/** A number for an axis. */
export function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en')
}
