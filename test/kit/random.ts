/**
 * Random numbers in [0, 1) that are the same for the same seed, so that a run can be done again
 * (a linear congruential generator, with the constants of Numerical Recipes).
 */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
