import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { PgInstrumentation, type PgInstrumentationConfig } from '@opentelemetry/instrumentation-pg'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import * as semconv from '@opentelemetry/semantic-conventions'
import { ATTR_DB_CLIENT_CONNECTION_POOL_NAME } from '@opentelemetry/semantic-conventions/incubating'
import { RepriseInstrumentation } from '@reprise/opentelemetry'
import { type RepriseOptions, reprisePool } from '@reprise/pg'
import type { Pool, PoolClient } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it, vi } from 'vitest'
import { Server, until } from '../../../test/kit/index.ts'
import { failure, kill, pidOf } from '../../pg/test/support.ts'
import { Telemetry } from './telemetry.ts'

vi.setConfig({ testTimeout: 30_000 })

let server: Server
let telemetry: Telemetry
let stop: (() => void) | undefined
beforeAll(async () => {
  server = await Server.start()
  telemetry = await Telemetry.start()
}, 120_000)
afterEach(() => {
  stop?.()
  telemetry.take()
})
afterAll(async () => {
  await telemetry[Symbol.asyncDispose]()
  await server.dispose()
})

// As an application does: instrumented first, loaded then. An instrumentation patches pg once.
const theirs = new PgInstrumentation()
const pg: typeof import('pg') = createRequire(import.meta.url)('pg')

/** Instruments anew. */
function instrument(
  options?: PgInstrumentationConfig,
  own?: ConstructorParameters<typeof RepriseInstrumentation>[0],
): void {
  const ours = new RepriseInstrumentation(own)
  theirs.setConfig(options ?? {})
  registerInstrumentations({ instrumentations: [ours, theirs] })
  stop = () => ours.disable()
}

async function withClient(
  body: (client: PoolClient, pool: Pool) => Promise<unknown>,
  options: RepriseOptions = {},
): Promise<void> {
  const pool = reprisePool(new pg.Pool({ connectionString: server.url, max: 1 }), {
    backoff: { base: 1, cap: 20 },
    ...options,
  })
  const client = await pool.connect()
  try {
    await body(client, pool)
  } finally {
    client.release(true)
    await pool.end()
  }
}

const named = (spans: readonly ReadableSpan[], name: string): ReadableSpan[] =>
  spans.filter((span) => span.name === name)
const only = (spans: readonly ReadableSpan[], name: string): ReadableSpan => {
  const found = named(spans, name)
  expect(found.map((span) => span.name)).toEqual([name])
  return found[0] as ReadableSpan
}

describe('a recovery', () => {
  it('is one span, a child of the one that was active when its statement was asked for', async () => {
    instrument()
    await withClient(async (client) => {
      await telemetry.under('begin', async () => {
        await client.query('BEGIN')
        await client.query('SELECT 1')
      })
      await kill(server, client)
      await telemetry.under('go on', async () => {
        await client.query('SELECT 2')
        await client.query('COMMIT')
      })
    })
    const spans = telemetry.take()
    const recovery = only(spans, 'reprise.recovery')
    expect(recovery.parentSpanContext?.spanId).toBe(only(spans, 'go on').spanContext().spanId)
    expect(recovery.kind).toBe(SpanKind.CLIENT)
    expect(recovery.status.code).toBe(SpanStatusCode.UNSET)
    expect(recovery.attributes).toEqual({
      [semconv.ATTR_DB_SYSTEM_NAME]: semconv.DB_SYSTEM_NAME_VALUE_POSTGRESQL,
      [semconv.ATTR_DB_NAMESPACE]: 'postgres',
      [semconv.ATTR_DB_RESPONSE_STATUS_CODE]: '57P01',
      [semconv.ATTR_SERVER_ADDRESS]: server.host,
      [semconv.ATTR_SERVER_PORT]: server.port,
      'reprise.condition': 'admin_shutdown',
      'reprise.result': 'mended',
      'reprise.outcome': 'rolled-back',
      'reprise.mended_by': 'replay',
      'reprise.attempts': 1,
      'reprise.replayed_statements': 2,
      'reprise.idle': true,
      'reprise.in_transaction': true,
    })
    const [seconds, nanoseconds] = recovery.duration
    expect(seconds + nanoseconds / 1e9).toBeGreaterThan(0)
  })
  it('of what was in flight belongs to whoever asked for it, and not to the socket', async () => {
    instrument()
    await withClient(async (client) => {
      const pid = pidOf(client)
      await telemetry.under('ask', async () => {
        const asked = client.query('SELECT pg_sleep(0.5)')
        const active = "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
        await until(async () => (await server.sql(active, [pid])).length === 1)
        await server.terminate(pid)
        await asked
      })
    })
    const spans = telemetry.take()
    const recovery = only(spans, 'reprise.recovery')
    expect(recovery.attributes).toMatchObject({ 'reprise.mended_by': 'repeat' })
    expect(recovery.parentSpanContext?.spanId).toBe(only(spans, 'ask').spanContext().spanId)
  })
  it('that surfaces is an error, with the outcome and the SQLSTATE that the caller was told', async () => {
    instrument()
    await withClient(
      async (client) => {
        await client.query('BEGIN')
        await kill(server, client)
        await telemetry.under('fails', () => failure(client.query('SELECT 2')))
      },
      { replay: 'off' },
    )
    const recovery = only(telemetry.take(), 'reprise.recovery')
    expect(recovery.status).toMatchObject({ code: SpanStatusCode.ERROR })
    expect(recovery.attributes).toMatchObject({
      [semconv.ATTR_ERROR_TYPE]: '57P01',
      'reprise.result': 'surfaced',
      'reprise.outcome': 'rolled-back',
    })
  })
  it('has the name of its pool, as the conventions spell it', async () => {
    instrument()
    await withClient(
      async (client) => {
        await kill(server, client)
        await client.query('SELECT 1')
      },
      { poolName: 'orders' },
    )
    expect(only(telemetry.take(), 'reprise.recovery').attributes).toMatchObject({
      [ATTR_DB_CLIENT_CONNECTION_POOL_NAME]: 'orders',
    })
  })
  it('without a span above it has one of its own, unless a parent is required', async () => {
    const lose = async (): Promise<ReadableSpan[]> => {
      await withClient(async (client) => {
        await kill(server, client)
        await client.query('SELECT 1')
      })
      return named(telemetry.take(), 'reprise.recovery')
    }
    instrument()
    const [root] = await lose()
    expect(root).toMatchObject({ parentSpanContext: undefined })
    stop?.()
    instrument(undefined, { requireParentSpan: true })
    expect(await lose()).toEqual([])
  })
  it('is not told of any more once the instrumentation is disabled', async () => {
    instrument()
    stop?.()
    await withClient(async (client) => {
      await kill(server, client)
      await client.query('SELECT 1')
    })
    expect(named(telemetry.take(), 'reprise.recovery')).toEqual([])
  })
})

const settings: [string, PgInstrumentationConfig][] = [
  ['no options', {}],
  ['requireParentSpan', { requireParentSpan: true }],
  ['enhancedDatabaseReporting', { enhancedDatabaseReporting: true }],
  ['addSqlCommenterCommentToQueries', { addSqlCommenterCommentToQueries: true }],
  ['ignoreConnectSpans', { ignoreConnectSpans: true }],
  [
    'hooks',
    {
      requestHook: (span) => span.setAttribute('asked', true),
      responseHook: (span) => span.setAttribute('answered', true),
    },
  ],
]

describe.each(settings)('beside @opentelemetry/instrumentation-pg with %s', (_, options) => {
  it('each statement has one span, replayed or not, under the span that asked for it', async () => {
    instrument(options)
    await withClient(async (client) => {
      await telemetry.under('ask', async () => {
        await client.query('BEGIN')
        await client.query('SELECT $1::int AS one', [1])
      })
      await kill(server, client)
      await telemetry.under('go on', async () => {
        await client.query({ text: 'SELECT 2 AS two' })
        await new Promise((resolve) => client.query('COMMIT', resolve))
      })
    })
    const spans = telemetry.take()
    const asked = only(spans, 'ask').spanContext()
    const wentOn = only(spans, 'go on').spanContext()
    // The test's own client, which kills, is traced as well, but under no span.
    const statements = spans.filter(
      ({ name, parentSpanContext }) => name.startsWith('pg.query') && parentSpanContext,
    )
    const parents = statements.map(({ name, parentSpanContext }) => [
      name.split(' ', 1)[0],
      parentSpanContext?.spanId,
    ])
    expect(parents).toEqual([
      ['pg.query:BEGIN', asked.spanId],
      ['pg.query:SELECT', asked.spanId],
      ['pg.query:SELECT', wentOn.spanId],
      ['pg.query:COMMIT', wentOn.spanId],
    ])
    expect(only(spans, 'reprise.recovery').parentSpanContext?.spanId).toBe(wentOn.spanId)
    // The connection that the recovery made belongs to whoever waited for it.
    const connects = named(spans, 'pg.connect').filter(
      ({ parentSpanContext }) => parentSpanContext?.spanId !== undefined,
    )
    const expected = options.ignoreConnectSpans ? [] : [wentOn.spanId]
    expect(connects.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(expected)
    if (options.requestHook) {
      for (const { attributes } of statements) {
        expect(attributes).toMatchObject({ asked: true, answered: true })
      }
    }
  })
})

it('it is an instrumentation as registerInstrumentations() takes it', () => {
  expectTypeOf<RepriseInstrumentation>().toExtend<
    NonNullable<Parameters<typeof registerInstrumentations>[0]['instrumentations']>[number]
  >()
  const manifest = join(import.meta.dirname, '../package.json')
  const { name, version } = JSON.parse(readFileSync(manifest, 'utf8'))
  const made = new RepriseInstrumentation({ enabled: false })
  expect(made.instrumentationName).toBe(name)
  expect(made.instrumentationVersion).toBe(version)
  expect(made.getConfig()).toEqual({ enabled: false })
})

it.each([
  [{ parent: true }, "has no option 'parent': use some of enabled, requireParentSpan."],
  [{ requireParentSpan: 1 }, "option 'requireParentSpan' must be true or false."],
  [null, 'takes an object of options, or nothing.'],
])('the options %j are refused with a sentence', (options, sentence) => {
  expect(() => new RepriseInstrumentation(options as never)).toThrow(sentence)
})
