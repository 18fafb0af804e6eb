import { type RepriseOptions, reprise } from '@reprise/pg'

/** What is spread into a pool's options: the one line of Reprise, or nothing. */
export function door(options: RepriseOptions | false): Partial<ReturnType<typeof reprise>> {
  return options === false ? {} : reprise(options)
}
