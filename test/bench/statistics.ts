/** An estimate, and how far off it may be. */
export interface Estimate {
  readonly value: number
  /** Half the width of its 95 % interval. */
  readonly within: number
}

/** Of each end so much is left out of an estimate: a neighbour that wakes up is no finding. */
const trimmed = 0.2

/** Student's t for 95 %, by degrees of freedom (table of the two-sided 0.05 quantiles). */
const quantiles: readonly (readonly [number, number])[] = [
  [1, 12.706],
  [2, 4.303],
  [3, 3.182],
  [4, 2.776],
  [5, 2.571],
  [6, 2.447],
  [8, 2.306],
  [10, 2.228],
  [15, 2.131],
  [20, 2.086],
  [30, 2.042],
  [60, 2.0],
  [120, 1.98],
]

/**
 * What ratios have in common: their trimmed geometric mean, with the t interval of Yuen (winsorised
 * variance), which a few wild rounds move little.
 */
export function commonRatio(ratios: readonly number[]): Estimate {
  const logs = ratios.map(Math.log).sort((a, b) => a - b)
  const cut = Math.floor(logs.length * trimmed)
  const kept = logs.slice(cut, logs.length - cut)
  const mean = average(kept)
  const low = kept[0] ?? 0
  const high = kept.at(-1) ?? 0
  const drawn = logs.map((log) => Math.min(high, Math.max(low, log)))
  const centre = average(drawn)
  const variance =
    drawn.reduce((sum, log) => sum + (log - centre) ** 2, 0) / Math.max(1, drawn.length - 1)
  const error = Math.sqrt(variance / logs.length) / (1 - 2 * trimmed)
  const value = Math.exp(mean)
  return { value, within: logs.length < 3 ? Infinity : value * t(kept.length - 1) * error }
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value that so many of all are below, between neighbours in proportion. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The next smaller number of degrees that is in the table: the interval errs to be too wide. */
function t(degrees: number): number {
  return quantiles.findLast(([from]) => from <= degrees)?.[1] ?? Infinity
}
