import {
  type KyselyPlugin,
  type PluginTransformQueryArgs,
  type PluginTransformResultArgs,
  QueryNode,
  type QueryResult,
  RawNode,
  type RootOperationNode,
  type UnknownRow,
} from 'kysely'

/** The session reads this in the text of a statement; the server's log shows it, too. */
const mark = '/* reprise:idempotent */'

/**
 * Declares of statements that doing them twice is the same as doing them once, so that they may be
 * done again even when nobody can say whether they were committed:
 *
 *     await sql`refresh materialized view totals`.withPlugin(idempotent()).execute(db)
 *     await db.withPlugin(idempotent()).updateTable('job').set({ state: 'done' }).execute()
 *
 * Within a transaction it changes nothing.
 */
export function idempotent(): KyselyPlugin {
  return plugin
}

const tooOld =
  'idempotent() can only mark sql`…` here: a built query of this Kysely has no place for it, install a newer one.'

const plugin: KyselyPlugin = {
  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    if (RawNode.is(node)) {
      const [first = '', ...others] = node.sqlFragments
      return RawNode.create([`${mark} ${first}`, ...others], node.parameters)
    }
    if (QueryNode.is(node)) {
      if (QueryNode.cloneWithEndModifier === undefined) throw new TypeError(tooOld)
      return QueryNode.cloneWithEndModifier(node, RawNode.createWithSql(mark))
    }
    throw new TypeError(
      `idempotent() cannot mark a ${node.kind}: use it on raw, select, insert, update, delete and merge statements.`,
    )
  },
  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    return result
  },
}
