import { ReprisePlugin, reprise } from '@reprise/kysely'
import { reprise as atPool } from '@reprise/pg'
import { Kysely, MysqlDialect, PostgresDialect, SqliteDialect } from 'kysely'
import pg from 'pg'
import { expect, test } from 'vitest'

const pool = () => new pg.Pool({ connectionString: 'postgres://nobody@127.0.0.1:1/none' })
/** What a caller without types may pass. */
const loose = reprise as (
  config?: unknown,
  options?: unknown,
) => ConstructorParameters<typeof Kysely>[0]
const LoosePlugin = ReprisePlugin as unknown as new (config?: unknown, options?: unknown) => object

test.each([
  ['nothing', undefined, 'reprise() takes a configuration'],
  ['no pool', {}, 'reprise() needs a pool'],
  ['a dialect', { dialect: new PostgresDialect({ pool: pool() }) }, 'pass { pool }'],
  ['the dialect of MySQL', { dialect: new MysqlDialect({} as never) }, 'PostgreSQL only'],
  ['the dialect of SQLite', { dialect: new SqliteDialect({} as never) }, 'PostgreSQL only'],
  ['what is no pool of node-postgres', { pool: { getConnection() {} } }, 'new pg.Pool'],
  ['a pool in place of it', pool(), 'pass { pool }'],
  ['an unknown name', { pool: pool(), plugin: [] }, "does not know 'plugin'"],
])('%s is refused with a sentence', (_, config, sentence) => {
  expect(() => loose(config)).toThrow(TypeError)
  expect(() => loose(config)).toThrow(sentence)
})

test('wrong options are refused with a sentence', () => {
  expect(() => loose({ pool: pool() }, { deadlin: 1 })).toThrow("no option 'deadlin'")
  expect(() => new LoosePlugin({ pool: pool() }, { replay: 'yes' })).toThrow("option 'replay'")
})

test('the plugin refuses what it cannot use', () => {
  expect(() => new LoosePlugin()).toThrow("takes the dialect's pool")
  expect(() => new LoosePlugin({ pool: {} })).toThrow('new pg.Pool')
})

test('spread into the options of a pool, without a call, it says what to write', () => {
  expect(() => new pg.Pool({ ...reprise })).toThrow(/that|spread reprise\(\) of @reprise\/pg/)
  expect(() => loose({ pool: pool() }, pool())).toThrow('this is a pool')
})

test('a pool of pg in pipeline mode is refused', () => {
  const pipelined = new pg.Pool({ pipeline: true } as pg.PoolConfig)
  expect(() => reprise({ pool: pipelined })).toThrow('pipeline')
})

test('a pool that is made at the first query is checked then', async () => {
  const db = new Kysely(reprise({ pool: async () => ({}) as never }))
  await expect(db.introspection.getSchemas()).rejects.toThrow('new pg.Pool')
})

test('a dialect of the community on a pool takes the line at the pool', () => {
  const dialect = new PostgresDialect({ pool: new pg.Pool({ ...atPool() }) })
  expect(new Kysely({ dialect })).toBeInstanceOf(Kysely)
})
