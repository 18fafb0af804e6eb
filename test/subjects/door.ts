import { type RepriseOptions, reprise, rerunnable } from '@reprise/pg'

/** What is spread into a pool's options: the one line of Reprise, or nothing. */
export function door(options: RepriseOptions | false): Partial<ReturnType<typeof reprise>> {
  return options === false ? {} : reprise(options)
}

/** Declares a callback as one that may be run again, or leaves it as it is. */
export function declared<C extends (...given: never[]) => Promise<unknown>>(
  again: boolean | undefined,
  callback: C,
): C {
  return again ? rerunnable(callback) : callback
}
