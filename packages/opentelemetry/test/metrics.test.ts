import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RepriseInstrumentation } from '@reprise/opentelemetry'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { freePort } from '../../../test/kit/free-port.ts'
import { createDatabase, exampleOf, runExample, Server } from '../../../test/kit/index.ts'
import { failure, poolOn } from '../../pg/test/support.ts'
import { dashboard, seriesOf, wanted } from './dashboard.ts'
import { everythingOnce, surfacedOnce } from './incidents.ts'
import { Telemetry } from './telemetry.ts'

const readme = join(import.meta.dirname, '../README.md')

let server: Server
beforeAll(async () => {
  server = await Server.start()
}, 120_000)
afterAll(() => server.dispose())

/** What the dashboard asks for that a scrape has not. */
function missingIn(scraped: string): string[] {
  const series = seriesOf(scraped)
  return wanted()
    .filter(
      ({ metric, labels }) =>
        !series.some(
          (one) => metric.test(one.name) && labels.every((label) => one.labels.includes(label)),
        ),
    )
    .map(({ metric, labels }) => `${metric} with ${labels}`)
}

/** The sum over all series of a metric whose line has some text in it. */
function valueOf(scraped: string, name: string, ...having: string[]): number {
  return scraped
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && having.every((text) => line.includes(text)))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** What {@link everythingOnce} leaves in either. */
function expectCounts(scraped: string, duration: string): void {
  const counts = {
    losses: valueOf(scraped, 'reprise_losses_total'),
    reconnects: valueOf(scraped, 'reprise_reconnects_total'),
    replays: valueOf(scraped, 'reprise_replays_total'),
    divergences: valueOf(scraped, 'reprise_divergences_total'),
    doubts: valueOf(scraped, 'reprise_doubts_total', 'reprise_outcome="committed"'),
    reruns: valueOf(scraped, 'reprise_reruns_total'),
    surfaced: valueOf(scraped, 'reprise_surfaced_total', 'reprise_outcome="rolled-back"'),
    mended: valueOf(scraped, `${duration}_count`, 'reprise_result="mended"'),
    notMended: valueOf(scraped, `${duration}_count`, 'reprise_result="surfaced"'),
  }
  expect(counts).toEqual({
    losses: 5,
    reconnects: 4,
    replays: 3,
    divergences: 2,
    doubts: 1,
    reruns: 1,
    surfaced: 3,
    mended: 2,
    notMended: 3,
  })
}

describe('the metrics', () => {
  it('count what happened, as a scrape finds it, and are those that the dashboard asks for', async () => {
    await using telemetry = await Telemetry.start()
    const ours = new RepriseInstrumentation()
    await everythingOnce(server)
    const scraped = await telemetry.scrape()
    expectCounts(scraped, 'reprise_recovery_duration')
    expect(missingIn(scraped)).toEqual([])
    // One of the five losses was that of a pool with a name.
    const orders = 'db_client_connection_pool_name="orders"'
    expect(valueOf(scraped, 'reprise_losses_total', orders)).toBe(1)
    expect(valueOf(scraped, 'reprise_recovery_duration_count', orders)).toBe(1)
    // Nothing is heard any more.
    ours.disable()
    await surfacedOnce(server)
    expectCounts(await telemetry.scrape(), 'reprise_recovery_duration')
  })
  it('show a gate that is shut, and what is left of the budget', async () => {
    await using telemetry = await Telemetry.start()
    const ours = new RepriseInstrumentation()
    const port = await freePort()
    const options = { deadline: 500, budget: { capacity: 7, perSecond: 0.001 } }
    const pool = poolOn(`postgres://postgres@127.0.0.1:${port}/gone`, options)
    await failure(pool.query('SELECT 1'))
    const scraped = await telemetry.scrape()
    const there = `server_port="${port}"`
    expect(valueOf(scraped, 'reprise_gate_shut', there)).toBe(1)
    expect(valueOf(scraped, 'reprise_budget', there)).toBe(7)
    expect(valueOf(scraped, 'reprise_gate_shut', `server_port="${server.port}"`)).toBe(0)
    await pool.end()
    ours.disable()
  })
})

it('every panel of the dashboard asks for something, and says what it shows', () => {
  expect(wanted().length).toBeGreaterThan(dashboard.panels.length)
  for (const panel of dashboard.panels) expect(panel.description).not.toBe('')
})

describe('the README', () => {
  it('has an example that runs as it stands', async () => {
    const env = {
      DATABASE_URL: await createDatabase(inject('serverUrl')),
      METRICS_PORT: String(await freePort()),
    }
    const printed = await runExample(await exampleOf(readme), import.meta.filename, env)
    expect(printed).toMatch(/^reprise_losses_total\{.*reprise_condition="admin_shutdown".*\} 1\n$/)
  })
  it('has a recipe for prom-client that counts the same, by the names of the dashboard', async () => {
    const recipe = join(import.meta.dirname, `recipe-${process.pid}.ts`)
    const program = join(import.meta.dirname, `program-${process.pid}.ts`)
    await writeFile(recipe, await exampleOf(readme, 1))
    await writeFile(
      program,
      `import { Server } from '../../../test/kit/index.ts'
       import { everythingOnce, surfacedOnce } from './incidents.ts'
       import './recipe-${process.pid}.ts'
       const server = await Server.start()
       await everythingOnce(server)
       await server.dispose()
       process.send('done')`,
    )
    const port = await freePort()
    const child = fork(program, [], {
      execArgv: ['--conditions=@reprise/source'],
      env: { ...process.env, METRICS_PORT: String(port) },
    })
    try {
      const [message] = await once(child, 'message')
      expect(message).toBe('done')
      const scraped = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      expectCounts(scraped, 'reprise_recovery_duration_seconds')
      expect(missingIn(scraped)).toEqual([])
      const orders = 'db_client_connection_pool_name="orders"'
      expect(valueOf(scraped, 'reprise_losses_total', orders)).toBe(1)
    } finally {
      child.kill()
      await Promise.all([rm(recipe), rm(program)])
    }
  })
})
