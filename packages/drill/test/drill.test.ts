import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { counters } from '@reprise/pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { Command, onTerminal, run, telling } from './cli.ts'
import { Load, Staging } from './staging.ts'

vi.setConfig({ testTimeout: 60_000 })

let staging: Staging
let folder: string
let report: string
beforeAll(async () => {
  staging = await Staging.start()
  folder = await mkdtemp(join(tmpdir(), 'reprise-drill-'))
  report = join(folder, 'drill.html')
}, 120_000)
afterAll(async () => {
  await staging.server.dispose()
  await rm(folder, { recursive: true })
})

/** What a drill of `shop` is told, but for the time. */
const on = (role: string, ...more: string[]): string[] => [
  ...['--url', staging.url(role), '--application-name', 'shop', '--report', report, ...more],
]

describe('an application on Reprise', () => {
  it('notices nothing, and the drill says so by its report and its exit code', async () => {
    const pool = staging.pool({})
    await using told = await telling(counters)
    const before = counters()
    const load = new Load(pool, 4)
    await until(() => load.done > 4)
    const ended = await run(
      ...on('signaller', '--kill', '20/s', '--for', '2s', '--yes', '--counters', told.url),
    )
    await load.stop()
    await pool.end()
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(load.errors).toEqual([])
    const hits = Number(/^(\d+) backends terminated in 2 s/m.exec(ended.stdout)?.[1])
    expect(hits).toBeGreaterThan(5)
    expect(hits).toBeLessThanOrEqual(45)
    // A connection that is hit before it carries anything again is no loss.
    const noticed = counters().losses - before.losses
    const mended = counters().mended - before.mended
    expect(noticed).toBeGreaterThan(0)
    expect(noticed).toBeLessThanOrEqual(hits)
    expect(ended.stdout).toContain(
      `The application noticed ${noticed} losses and mended ${mended}.`,
    )
    expect(ended.stdout).toContain('Nothing surfaced: no caller noticed.')
    for (const line of ended.stdout.split('\n')) {
      if (!line.includes(report)) expect(line.length).toBeLessThanOrEqual(160)
    }
    const page = await readFile(report, 'utf8')
    expect(page).toContain('No caller noticed.')
    expect(page).toContain(`<dt>terminated</dt><dd>${hits}</dd>`)
  })
  it('whose losses surface makes it exit with 1', async () => {
    const pool = staging.pool({ replay: 'off' })
    await using told = await telling(counters)
    const load = new Load(pool, 2)
    await until(() => load.done > 4)
    const only = ['--only', 'in-transaction']
    const ended = await run(
      ...on('observer', '--kill', '10/s', '--for', '1s', '--yes', '--counters', told.url, ...only),
    )
    await load.stop()
    await pool.end()
    expect(ended).toMatchObject({ code: 1, stderr: '' })
    expect(load.errors.length).toBeGreaterThan(0)
    expect(ended.stdout).toMatch(/errors? surfaced: \d+ rolled-back\./)
    expect(await readFile(report, 'utf8')).toMatch(/errors? reached a caller\./)
  })
})

it('an application without Reprise gets errors, of which only its own log tells', async () => {
  const pool = staging.pool(false)
  const load = new Load(pool, 4)
  await until(() => load.done > 4)
  const ended = await run(...on('app', '--kill', '10/s', '--for', '1s', '--yes'))
  await load.stop()
  await pool.end()
  expect(ended.code).toBe(0)
  expect(load.errors.length).toBeGreaterThan(0)
  expect(ended.stdout).toContain('see its log, or pass --counters')
})

describe('what is not asked for is not touched', () => {
  it('superusers, replication, other names, other databases', async () => {
    await staging.server.sql('CREATE DATABASE elsewhere')
    const spared = await Promise.all([
      staging.client('boss', 'shop'),
      staging.client('replicator', 'shop'),
      staging.client('other', 'shop', 'elsewhere'),
      staging.client('other', 'shopping'),
      staging.client('other', ''),
    ])
    const victim = await staging.client('other', 'shop')
    const ended = await run(...on('signaller', '--kill', '50/s', '--for', '1s', '--yes'))
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain('3 more of that name are spared')
    expect(victim.ended).toBe(true)
    for (const one of spared) {
      expect(one.ended).toBe(false)
      await one.client.end()
    }
    await staging.server.sql('DROP DATABASE elsewhere')
  })
  it('no more are hit than were ordered, however many there are', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => staging.client('other', 'shop')))
    const ended = await run(...on('signaller', '--kill', '60/m', '--for', '2s', '--yes'))
    const gone = all.filter(({ ended }) => ended).length
    expect(gone).toBeGreaterThan(0)
    expect(gone).toBeLessThanOrEqual(3)
    expect(ended.stdout).toContain(`${gone} backend`)
    for (const { client } of all) await client.end()
  })
  it('a dry run says who would be hit, and hits nobody', async () => {
    const held = await staging.client('other', 'shop')
    const ended = await run(...on('observer', '--dry-run', '--kill', '50/s'))
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain('There is 1 backend of it now: 1 idle. 1 of them would be hit.')
    expect(ended.stdout).toContain('A dry run: nothing was touched.')
    expect(held.ended).toBe(false)
    await held.client.end()
  })
  it('it asks first, and where nobody can be asked it refuses', async () => {
    const held = await staging.client('other', 'shop')
    const ended = await run(...on('signaller', '--for', '1s'))
    expect(ended).toMatchObject({ code: 2 })
    expect(ended.stderr).toBe(
      'drill: nobody can be asked whether to go on: pass --yes, or --dry-run to see more.\n',
    )
    expect(held.ended).toBe(false)
    await held.client.end()
  })
})

// `script` of util-linux runs a command on a terminal.
describe.runIf(process.platform === 'linux' && existsSync('/usr/bin/script'))(
  'on a terminal',
  () => {
    it.each([
      ['a no', 'n\n'],
      ['nothing', '\n'],
      ['Ctrl-C', '\x03'],
      ['Ctrl-D', '\x04'],
    ])('it asks, and takes %s for a no', async (_, typed) => {
      const held = await staging.client('other', 'shop')
      const printed = await onTerminal(on('signaller', '--for', '1s'), typed)
      expect(printed).toContain('Nothing was touched.')
      expect(held.ended).toBe(false)
      await held.client.end()
    })
    it('it goes on after a yes, with progress on one line', async () => {
      const held = await staging.client('other', 'shop')
      const printed = await onTerminal(on('signaller', '--for', '1s'), 'y\n')
      expect(printed).toContain('1 backend terminated in 1 s')
      expect(held.ended).toBe(true)
      const lines = printed.split('\u001b[2K').slice(1)
      expect(lines.length).toBeGreaterThan(1)
      expect(lines[0]).toMatch(/^0 of 1 s · \d terminated · 1 backend\r$/)
      await held.client.end()
    })
  },
)

describe('--only', () => {
  it.each([
    ['idle', 'idle'],
    ['in-transaction', 'in a transaction'],
    ['active', 'active'],
  ])('%s hits those, and no others', async (only, doing) => {
    const idle = await staging.client('other', 'shop')
    const open = await staging.client('other', 'shop')
    await open.client.query('BEGIN')
    const active = await staging.client('other', 'shop')
    active.client.query('SELECT pg_sleep(60)').catch(() => undefined)
    const isActive = async (): Promise<boolean> =>
      (await staging.server.sql("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
        .length === 1
    await until(isActive)
    const ended = await run(
      ...on('observer', '--only', only, '--kill', '10/s', '--for', '1s', '--yes'),
    )
    expect(ended.stdout).toContain(`1 backend terminated in 1 s: 1 ${doing}.`)
    const who = { idle: idle.ended, 'in-transaction': open.ended, active: active.ended }
    expect(who).toEqual({ idle: false, 'in-transaction': false, active: false, [only]: true })
    await staging.server.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shop'",
    )
    for (const { client } of [idle, open, active]) await client.end()
  })
  it('in-commit hits a COMMIT that waits for a standby', async () => {
    const held = await staging.client('app', 'shop')
    await held.client.query('CREATE TABLE t (a int)')
    await staging.server.sql("ALTER SYSTEM SET synchronous_standby_names = 'absent'")
    await staging.server.sql('SELECT pg_reload_conf()')
    await until(async () => {
      const { rows } = await held.client.query('SHOW synchronous_standby_names')
      return rows[0].synchronous_standby_names === 'absent'
    })
    const waits = async (): Promise<boolean> =>
      (await staging.server.sql("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))
        .length === 1
    let committed: Promise<unknown>
    // That there is a standby to wait for the checkpointer tells all, a moment later (syncrep.c
    // SyncRepUpdateSyncStandbysDefined).
    do {
      let over = false
      await held.client.query('BEGIN')
      await held.client.query('INSERT INTO t VALUES (1)')
      const done = (): void => {
        over = true
      }
      committed = held.client.query('COMMIT').then(done, done)
      await until(async () => over || (await waits()))
    } while (!(await waits()))
    const ended = await run(
      ...on('observer', '--only', 'in-commit', '--kill', '10/s', '--for', '2s', '--yes'),
    )
    await staging.server.sql('ALTER SYSTEM RESET synchronous_standby_names')
    await staging.server.sql('SELECT pg_reload_conf()')
    await committed
    expect(ended.stdout).toContain('1 in COMMIT')
    await held.client.end()
  })
  it('is refused where the state is not shown, which the rights to signal do not bring', async () => {
    const held = await staging.client('other', 'shop')
    const ended = await run(...on('signaller', '--only', 'idle', '--for', '1s', '--yes'))
    expect(ended).toMatchObject({ code: 2 })
    expect(ended.stderr).toContain('GRANT pg_read_all_stats TO it.')
    expect(held.ended).toBe(false)
    await held.client.end()
  })
})

it('--signal cancel ends what is executed, and leaves the connection and whoever is idle', async () => {
  const idle = await staging.client('other', 'shop')
  const busy = await staging.client('other', 'shop')
  const slept = busy.client.query('SELECT pg_sleep(60)').catch((error) => error)
  const ended = await run(
    ...on('observer', '--signal', 'cancel', '--kill', '10/s', '--for', '1s', '--yes'),
  )
  expect(await slept).toMatchObject({ code: '57014' })
  expect(ended.stdout).toContain('1 backend cancelled in 1 s')
  expect([idle.ended, busy.ended]).toEqual([false, false])
  for (const { client } of [idle, busy]) await client.end()
})

it('Ctrl-C ends it, and it says what it did', async () => {
  const held = await staging.client('other', 'shop')
  const started = new Command(...on('signaller', '--kill', '50/s', '--for', '10m', '--yes'))
  await until(() => held.ended)
  started.child.kill('SIGINT')
  const ended = await started.ended
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(ended.stdout).toContain('Stopped. 1 backend terminated')
  expect(await readFile(report, 'utf8')).toContain('until somebody stopped it')
  await held.client.end()
})

it('a right that is taken away meanwhile ends it, and it says so', async () => {
  const held = await staging.client('other', 'shop')
  const started = new Command(...on('signaller', '--kill', '50/s', '--for', '10m', '--yes'))
  await until(() => held.ended)
  await staging.server.sql('REVOKE pg_signal_backend FROM signaller')
  const next = await staging.client('other', 'shop')
  const ended = await started.ended
  await staging.server.sql('GRANT pg_signal_backend TO signaller')
  expect(ended).toMatchObject({ code: 2, stderr: '' })
  expect(ended.stdout).toContain('The server would not have it any longer:')
  expect(ended.stdout).toContain('(42501)')
  expect(next.ended).toBe(false)
  await next.client.end()
})

it('a server that restarts meanwhile is waited for', async () => {
  const pool = staging.pool({})
  const load = new Load(pool, 2)
  await until(() => load.done > 2)
  const started = new Command(...on('signaller', '--kill', '10/s', '--for', '5s', '--yes'))
  await until(() => started.stdout.includes(' of 5 s'))
  await staging.server.restart('fast')
  const ended = await started.ended
  await load.stop()
  await pool.end()
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(load.errors).toEqual([])
})

describe('what cannot be done is said in one sentence, before anything is touched', () => {
  const refused = async (...argv: string[]): Promise<string> => {
    const ended = await run(...argv)
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(/^drill: .*\.\n$/)
    return ended.stderr
  }
  it('nobody of that name', async () => {
    const held = await staging.client('other', 'shopping')
    expect(await refused(...on('app', '--yes'))).toContain("there are 'shopping'")
    await held.client.end()
  })
  it('only such as are never touched', async () => {
    const held = await staging.client('boss', 'shop')
    expect(await refused(...on('boss', '--yes'))).toContain('the drill touches none of these')
    await held.client.end()
  })
  it('a role without the right', async () => {
    const held = await staging.client('other', 'shop')
    expect(await refused(...on('nobody', '--yes'))).toContain('GRANT pg_signal_backend TO')
    expect(held.ended).toBe(false)
    await held.client.end()
  })
  it('a server that is not there', async () => {
    const url = 'postgres://app:secret@127.0.0.1:1/shop'
    const sentence = await refused('--url', url, '--application-name', 'shop')
    expect(sentence).toContain('no connection to 127.0.0.1:1/shop: connect ECONNREFUSED')
    expect(sentence).not.toContain('secret')
  })
  it('counters that are none, or nobody tells', async () => {
    await using other = await telling(() => ({ status: 'ok' }))
    expect(await refused(...on('app', '--yes', '--counters', other.url))).toContain(
      'something else',
    )
    expect(await refused(...on('app', '--yes', '--counters', 'http://127.0.0.1:1'))).toContain(
      'nobody answers',
    )
  })
})
