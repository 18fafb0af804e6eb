import { analyze, type Statement } from '@reprise/core'

/** The transaction that an operation is part of: its place in an array, if it is one. */
export interface Inside {
  readonly kind: 'itx' | 'batch'
  readonly index?: number
}

/** One operation as a query extension of Prisma is handed it. */
export interface Operation {
  readonly model?: string
  readonly operation: string
  readonly args: unknown
  readonly query: (args: unknown) => PromiseLike<unknown>
  /** Prisma's own description of the request; its extensions are built on it, too. */
  readonly __internalParams: {
    readonly transaction?: Inside
    /** Called with the data, once the engine has answered. */
    unpacker?: (data: unknown) => unknown
  }
}

const reading: ReadonlySet<string> = new Set([
  'aggregate',
  'count',
  'findFirst',
  'findFirstOrThrow',
  'findMany',
  'findUnique',
  'findUniqueOrThrow',
  'groupBy',
])

/** Whether an operation changes nothing. */
export function onlyReads({ model, operation, args }: Operation): boolean {
  if (model !== undefined) return reading.has(operation)
  const statement = statementOf(args)
  return statement?.reads === true && statement.functions.length === 0
}

/** Whether a part of an operation may be committed although the operation as a whole fails. */
export function commitsInParts({ model, args }: Operation): boolean {
  return model === undefined && statementOf(args)?.canCommit !== false
}

/** Whether an operation may end the transaction that it is part of. */
export function endsTransaction({ model, args }: Operation): boolean {
  return model === undefined && statementOf(args)?.commitsInside !== false
}

/** Raw SQL arrives as a tagged template's object, a typed query, or an array that begins with text. */
function statementOf(args: unknown): Statement | undefined {
  const { sql } = (args ?? {}) as { sql?: unknown }
  const text = Array.isArray(args) ? args[0] : sql
  return typeof text === 'string' ? analyze(text) : undefined
}
