import type { Judgement } from './judgement.ts'

/**
 * What a text may do to its session without showing it.
 *
 * - `nothing`: it shows all of it.
 * - `triggers`: it writes, and a trigger may do anything.
 * - `anything`: it calls functions that are not known to be harmless, or is DO, CALL or EXECUTE.
 * - `anchors`: it makes or undoes what a new session cannot be given, or makes a setting out of sight:
 *   how it went only the server knows.
 */
export type Hides = 'nothing' | 'triggers' | 'anything' | 'anchors'

const undoesAnchor = /^(advisory|temp:|cursor:|\*)/

/**
 * What a text hides, at the worst.
 *
 * @param all its statements judged as one
 */
export function hidden(all: Judgement, members: readonly Judgement[], ambiguous: boolean): Hides {
  if (all.state.some(({ key, effect }) => effect === 'anchor' || undoesAnchor.test(key))) {
    return 'anchors'
  }
  if (ambiguous || all.functions.some((name) => name !== 'set_config')) return 'anything'
  if (members.some(mayDoAnything)) return 'anything'
  return members.every(isPlain) ? 'nothing' : 'triggers'
}

function mayDoAnything({ kind, verb, control, canCommit }: Judgement): boolean {
  if (kind === 'procedure' || verb === 'EXECUTE') return true
  return kind === 'other' && canCommit && control === ''
}

function isPlain({ kind }: Judgement): boolean {
  return kind === 'read' || kind === 'transaction' || kind === 'state' || kind === 'cursor'
}
