import type { Source } from './keep-catalog.ts'
import { labelOf } from './keep-label.ts'
import type { Parser } from './parser.ts'
import { builtin, type Call, type Cast, type Node, type Target, words } from './tree.ts'

/** Built-in functions that give another value at each call, and do nothing else that matters. */
const generators: { readonly [name: string]: Source } = {
  nextval: 'serial',
  gen_random_uuid: 'drawn',
  uuidv4: 'drawn',
  uuidv7: 'drawn',
}
/** Those of an extension, which may be in any schema. */
const extensions = new Set(['uuid_generate_v1', 'uuid_generate_v1mc', 'uuid_generate_v4'])

/** What an expression draws that is nothing but one call, cast or not; undefined if it is not that. */
export function isGenerator(node: Node): Source | undefined {
  const { TypeCast: cast, FuncCall: call } = node
  if (cast?.arg !== undefined) return isGenerator(cast.arg)
  if (call === undefined || !(call.args ?? []).every(isConstant)) return undefined
  return generators[builtin(call) ?? ''] ?? (isOfExtension(call) ? 'drawn' : undefined)
}

function isOfExtension({ funcname }: Call): boolean {
  return extensions.has(words(funcname).at(-1) ?? '')
}

/** A parameter is none: without its statement's use for it, it would have no type. */
function isConstant(node: Node): boolean {
  return (
    node.A_Const !== undefined ||
    (node.TypeCast?.arg !== undefined && isConstant(node.TypeCast.arg))
  )
}

/** A value as the server wrote it, of no type yet: it takes that of the column it is put into. */
export function literal(value: string | null): Node {
  if (value === null) return { A_Const: { isnull: true } }
  return { A_Const: { sval: { sval: value } } }
}

/** A value with its type. */
export function typed(value: Node, type: string, parser: Parser): Node | undefined {
  const cast = parser.readExpression(`CAST(NULL AS ${type})`)
  if (cast?.TypeCast === undefined) return undefined
  cast.TypeCast.arg = value
  return cast
}

/**
 * Puts the value that was seen in the place of a generator in a select list, under the same name.
 * @param drawn what {@link isGenerator} says of the target
 * @returns whether that can be done
 */
export function keepTarget(target: Target, drawn: Source, value: string, parser: Parser): boolean {
  const label = target.name ?? labelOf(target.val)
  const node = typed(literal(value), drawn === 'serial' ? 'bigint' : 'uuid', parser)
  if (node === undefined || label === undefined) return false
  let cast: Cast | undefined
  for (let at = target.val; at?.TypeCast !== undefined; at = at.TypeCast.arg) cast = at.TypeCast
  if (cast === undefined) target.val = node
  else cast.arg = node
  target.name = label
  return true
}
