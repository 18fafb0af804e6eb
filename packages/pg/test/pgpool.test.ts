import { expect, it } from 'vitest'
import { hasPgpool, Pgpool, Server, until } from '../../../test/kit/index.ts'
import { listen, poolOn } from './support.ts'

it('a server that is down behind pgpool-II is waited for, and no error surfaces', async ({
  skip,
}) => {
  if (!hasPgpool()) skip("pgpool-II (Debian's package pgpool2) is not on this machine")
  await using server = await Server.start()
  await using pgpool = await Pgpool.start(server)
  const pool = poolOn(pgpool.url(await server.createDatabase()), { exactlyOnce: true }, { max: 4 })
  await pool.query('CREATE TABLE t (a int)')
  using surfaced = listen('reprise:surface')
  using waiting = listen('reprise:waiting')
  await server.stop('fast')
  const inserts = [1, 2, 3, 4].map((a) => pool.query('INSERT INTO t VALUES ($1)', [a]))
  await until(() => waiting.seen.length > 0)
  expect(waiting.seen[0]).toMatchObject({ port: pgpool.port, cause: 'XX000' })
  await server.start()
  await Promise.all(inserts)
  expect((await pool.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 4 }])
  expect(surfaced.seen).toEqual([])
  await pool.end()
}, 60_000)
