import type { Judgement } from './judgement.ts'

const undoesAnchor = /^(advisory|temp:|cursor:|\*)/

/** Whether a text makes or undoes what a new session cannot be given. */
export function anchored({ state }: Judgement): boolean {
  return state.some(({ key, effect }) => effect === 'anchor' || undoesAnchor.test(key))
}
