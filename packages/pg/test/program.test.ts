import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { failure, pidOf, withThrowaway } from './support.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(async () => {
  await server?.dispose()
})

/** What a program does behind its first word, and the COPY that runs it. */
const ways: readonly [goesOn: string, text: (program: string) => string][] = [
  [
    'cat > /dev/null',
    (program) => `COPY (SELECT pg_sleep(1) FROM generate_series(1, 60)) TO PROGRAM '${program}'`,
  ],
  ['sleep 1; seq 1 100000', (program) => `COPY t FROM PROGRAM '${program}'`],
]

it.each(ways)(
  'a program that COPY runs is not run again when its backend is terminated: %s',
  async (goesOn, text) => {
    const url = await server.createDatabase()
    await withThrowaway(url, async (client) => {
      await client.query('CREATE TABLE t (a int)')
      const pid = pidOf(client)
      const told = `${server.directory}/told-${pid}`
      const started = async (): Promise<string> => readFile(told, 'utf8').catch(() => '')
      const asked = failure(client.query(text(`trap "" TERM; echo x >> ${told}; ${goesOn}`)))
      await until(async () => (await started()) !== '', { what: 'the program to run' })
      await server.terminate(pid)
      expect(await asked).toMatchObject({ outcome: 'in-doubt' })
      expect(await started()).toBe('x\n')
    })
  },
)
