import type { Leavings } from '@reprise/core'

/** set_config(), and what takes an advisory lock for a session, by their numbers (pg_proc.dat). */
const setting = /:funcid 2078 [^{}]*?:args \(/g
const locking = /:funcid 28(8\d|9[0-2]) /

/** A constant as the catalog holds it: its bytes, those of a text behind its length. */
const constant = /^\{CONST [^{}]*:constvalue \d+ \[ ([-\d ]+) \]/

/**
 * What an expression leaves in a session by set_config() and by locks, as the catalog holds it
 * (outfuncs.c). To have it written as SQL would wait for locks of what it reads.
 */
export function leftByTree(tree: string): Leavings {
  const settings: string[] = []
  let unnamed = false
  for (const { 0: call, index } of tree.matchAll(setting)) {
    const [name = '', , local = ''] = argumentsAt(tree, index + call.length)
    // Until the end of its transaction, and no longer.
    if (bytesOf(local)?.[0] === 1) continue
    const bytes = bytesOf(name)
    if (bytes === undefined) unnamed = true
    else settings.push(Buffer.from(bytes.slice(4)).toString().toLowerCase())
  }
  return { leaves: unnamed || settings.length > 0 || locking.test(tree), unnamed, settings }
}

function bytesOf(node: string): number[] | undefined {
  return constant.exec(node)?.[1]?.split(' ').map(Number)
}

/** The three arguments, from where the first of them begins. */
function argumentsAt(tree: string, from: number): string[] {
  const found: string[] = []
  let depth = 0
  let start = from
  for (let i = from; i < tree.length && found.length < 3; i++) {
    if (tree[i] === '\\') i++
    else if (tree[i] === '{' && depth++ === 0) start = i
    else if (tree[i] === '}' && --depth === 0) found.push(tree.slice(start, i + 1))
  }
  return found
}
