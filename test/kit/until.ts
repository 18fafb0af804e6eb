/** How long and how to describe what is waited for. */
export interface UntilOptions {
  /** Give up after this long, in milliseconds. Default 15000. */
  readonly timeoutMs?: number | undefined
  /** What is waited for, for the message of the error. */
  readonly what?: string | undefined
}

/** What is left of a type when it is not falsy. */
export type Truthy<T> = T extends false | 0 | '' | null | undefined ? never : T

/**
 * Polls a condition until it gives a truthy value, and returns that value. Tests wait for conditions
 * and never for time: the limit only turns a hang into an error that says what did not happen.
 * An error thrown by the condition ends the wait.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 15_000, what = 'the condition' }: UntilOptions = {},
): Promise<Truthy<T>> {
  const deadline = performance.now() + timeoutMs
  for (let wait = 1; ; wait = Math.min(wait * 2, 20)) {
    const value = await condition()
    if (value) return value as Truthy<T>
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
}
