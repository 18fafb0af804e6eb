import { type Node, type Select, words } from './tree.ts'

const nameless = '?column?'

/** Names that come of functions with a syntax of their own. */
const valueFunctions: { readonly [op: string]: string } = {
  SVFOP_CURRENT_DATE: 'current_date',
  SVFOP_CURRENT_TIME: 'current_time',
  SVFOP_CURRENT_TIME_N: 'current_time',
  SVFOP_CURRENT_TIMESTAMP: 'current_timestamp',
  SVFOP_CURRENT_TIMESTAMP_N: 'current_timestamp',
  SVFOP_LOCALTIME: 'localtime',
  SVFOP_LOCALTIME_N: 'localtime',
  SVFOP_LOCALTIMESTAMP: 'localtimestamp',
  SVFOP_LOCALTIMESTAMP_N: 'localtimestamp',
  SVFOP_CURRENT_ROLE: 'current_role',
  SVFOP_CURRENT_USER: 'current_user',
  SVFOP_USER: 'user',
  SVFOP_SESSION_USER: 'session_user',
  SVFOP_CURRENT_CATALOG: 'current_catalog',
  SVFOP_CURRENT_SCHEMA: 'current_schema',
}

/** Expressions that have one name, whatever is in them. */
const fixed: { readonly [kind: string]: string } = {
  GroupingFunc: 'grouping',
  MergeSupportFunc: 'merge_action',
  A_ArrayExpr: 'array',
  RowExpr: 'row',
  CoalesceExpr: 'coalesce',
}

/** Expressions that have no name of their own. */
const unnamed = new Set(['A_Const', 'ParamRef', 'BoolExpr', 'NullTest', 'BooleanTest'])

/** A name, and whether anything better may still take its place. */
type Guess = readonly [name: string, weak: boolean]

/**
 * The name PostgreSQL gives to an expression of a select list that has none (parse_target.c
 * FigureColname). Undefined where that is not known here.
 */
export function labelOf(expression: Node | undefined): string | undefined {
  const guess = guessFor(expression)
  return guess === undefined ? undefined : guess[0]
}

function guessFor(node: Node | undefined): Guess | undefined {
  const [kind] = Object.keys(node ?? {})
  if (node === undefined || kind === undefined) return undefined
  const fields = node[kind] as { readonly [field: string]: unknown }
  const constant = fixed[kind]
  if (constant !== undefined) return [constant, false]
  if (unnamed.has(kind)) return [nameless, true]
  switch (kind) {
    case 'ColumnRef':
      return strong(words(node.ColumnRef?.fields).at(-1))
    case 'FuncCall':
      return strong(words(node.FuncCall?.funcname).at(-1))
    case 'SQLValueFunction':
      return strong(valueFunctions[node.SQLValueFunction?.op ?? ''])
    case 'A_Expr':
      return fields.kind === 'AEXPR_NULLIF' ? ['nullif', false] : [nameless, true]
    case 'MinMaxExpr':
      return [fields.op === 'IS_LEAST' ? 'least' : 'greatest', false]
    case 'CollateClause':
      return guessFor(fields.arg as Node)
    case 'A_Indirection': {
      const name = words(fields.indirection as Node[]).findLast((word) => word !== '')
      return name === undefined ? guessFor(fields.arg as Node) : [name, false]
    }
    case 'TypeCast':
      return better(guessFor(node.TypeCast?.arg), words(node.TypeCast?.typeName?.names).at(-1))
    case 'CaseExpr':
      return fields.defresult === undefined
        ? ['case', true]
        : better(guessFor(fields.defresult as Node), 'case')
    case 'SubLink':
      return ofSubquery(fields)
    default:
      return undefined
  }
}

function strong(name: string | undefined): Guess | undefined {
  return name === undefined || name === '' ? undefined : [name, false]
}

function better(guess: Guess | undefined, instead: string | undefined): Guess | undefined {
  if (guess === undefined || !guess[1]) return guess
  return instead === undefined ? undefined : [instead, true]
}

function ofSubquery(fields: { readonly [field: string]: unknown }): Guess | undefined {
  if (fields.subLinkType === 'EXISTS_SUBLINK') return ['exists', false]
  if (fields.subLinkType === 'ARRAY_SUBLINK') return ['array', false]
  if (fields.subLinkType !== 'EXPR_SUBLINK') return [nameless, true]
  let select = (fields.subselect as Node | undefined)?.SelectStmt
  while (select?.larg !== undefined) select = select.larg as Select
  const [first] = select?.targetList ?? []
  return strong(first?.ResTarget?.name ?? labelOf(first?.ResTarget?.val))
}
