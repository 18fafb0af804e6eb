import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tokenTable } from '@reprise/pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Bouncer, hasBouncer } from '../../../test/kit/index.ts'
import { run } from './cli.ts'
import { Staging } from './staging.ts'

vi.setConfig({ testTimeout: 60_000 })

let staging: Staging
beforeAll(async () => {
  staging = await Staging.start()
}, 120_000)
afterAll(() => staging.server.dispose())

const check = (role: string, ...more: string[]): ReturnType<typeof run> =>
  run('check', '--url', staging.url(role), ...more)

/** The lines as sentences, whatever they were broken at. */
const unwrapped = (text: string): string => text.replaceAll(/\n {2,}(?!→)/g, ' ')

it('a server as it comes can do all, and what is for somebody to decide is marked', async () => {
  const { code, stdout, stderr } = await check('app')
  expect([code, stderr]).toEqual([0, ''])
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  const told = unwrapped(stdout)
  for (const sentence of [
    '✓ version: PostgreSQL 18',
    '✓ pooler: none: this is the server itself.',
    '✓ role: a primary.',
    '✓ commits: the server may be asked what became of one.',
    '✓ fencing: a backend of its own role can be ended.',
    '! statement_timeout: not set',
    '! idle_in_transaction_session_timeout: not set',
    '✓ idle_session_timeout: not set.',
    '! synchronous_standby_names: none',
    '✓ token table: not looked at',
    'Reprise can do all that it promises here',
  ]) {
    expect(told).toContain(sentence)
  }
})

it('of a superuser it says that nothing follows from what it may', async () => {
  const { code, stdout } = await check('boss')
  expect(code).toBe(0)
  expect(unwrapped(stdout)).toContain('! rights: this is a superuser')
})

it('a standby is seen', async () => {
  const other = await Staging.start()
  const { server } = other
  await writeFile(join(server.directory, 'standby.signal'), '')
  await server.restart('fast')
  const { code, stdout, stderr } = await run('check', '--url', other.url('app'))
  expect([code, stderr]).toEqual([0, ''])
  expect(unwrapped(stdout)).toContain('! role: a standby: reads are mended')
  await server.dispose()
})

it('the timeouts of this role are what is looked at', async () => {
  await staging.server.sql("ALTER ROLE app SET idle_in_transaction_session_timeout = '61s'")
  await staging.server.sql("ALTER ROLE app SET synchronous_commit = 'off'")
  const { code, stdout } = await check('app')
  await staging.server.sql('ALTER ROLE app RESET ALL')
  expect(code).toBe(1)
  expect(stdout).toContain('✓ idle_in_transaction_session_timeout: 61s;')
  expect(stdout).toContain('✗ synchronous_commit: off')
})

describe('rights that were taken away', () => {
  it.each([
    ['pg_control_system()', '✗ commits: this role may not execute pg_control_system()'],
    ['pg_control_checkpoint()', '✗ commits: this role may not execute pg_control_checkpoint()'],
    ['pg_current_wal_lsn()', '✗ commits: this role may not execute pg_current_wal_lsn()'],
    ['pg_terminate_backend(integer, bigint)', '✗ fencing: a backend of its own role cannot'],
  ])('%s is missed, and the statement that gives it back does', async (signature, sentence) => {
    await staging.server.sql(`REVOKE EXECUTE ON FUNCTION ${signature} FROM PUBLIC`)
    const { code, stdout } = await check('app')
    expect(code).toBe(1)
    expect(unwrapped(stdout)).toContain(sentence)
    expect(unwrapped(stdout)).toContain('1 thing keeps Reprise from what it promises.')
    const [fix] = /GRANT EXECUTE [^;]*;/.exec(unwrapped(stdout)) ?? []
    await staging.server.sql(fix as string)
    expect((await check('app')).code).toBe(0)
    await staging.server.sql(`GRANT EXECUTE ON FUNCTION ${signature} TO PUBLIC`)
  })
})

describe('a table of tokens', () => {
  it('is missed, or found wanting, or found', async () => {
    const { sql } = staging.server
    const query = sql.bind(staging.server)
    const look = async (): Promise<string> =>
      unwrapped((await check('app', '--token-table', 'public.tokens')).stdout)
    expect(await look()).toContain('✗ token table: there is no public.tokens.')
    await query('CREATE TABLE public.tokens (token uuid)')
    expect(await look()).toContain('✗ token table: public.tokens has no unique key on token uuid.')
    await query('DROP TABLE public.tokens')
    await query(tokenTable('public.tokens').create)
    const denied = await look()
    expect(denied).toContain('✗ token table: this role may not use public.tokens.')
    await query(/GRANT [^;]*public\.tokens[^;]*;/.exec(denied)?.[0] as string)
    expect(await look()).toContain('✓ token table: public.tokens is there.')
    await query('DROP TABLE public.tokens')
  })
})

// On a developer's machine PgBouncer may be missing; in CI it may not.
describe.runIf(hasBouncer() || process.env.CI)('a pooler', () => {
  it.each([
    ['session', 0, '✓ pooler: one in session mode.'],
    ['transaction', 0, '! pooler: one in transaction mode'],
    ['statement', 1, '✗ pooler: one that takes no transactions'],
  ])('in %s mode is seen', async (mode, code, sentence) => {
    await using bouncer = await Bouncer.start(staging.server, { pool_mode: mode })
    const ended = await run('check', '--url', bouncer.url(staging.url('postgres')))
    expect(ended).toMatchObject({ code, stderr: '' })
    expect(unwrapped(ended.stdout)).toContain(sentence)
  })
})
