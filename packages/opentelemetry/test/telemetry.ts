import { context, metrics, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { freePort } from '../../../test/kit/free-port.ts'

/** The SDK of OpenTelemetry: spans in memory, metrics to be scraped as Prometheus does. */
export class Telemetry {
  readonly #spans = new InMemorySpanExporter()
  readonly tracers: TracerProvider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: this.#spans })],
  })
  readonly meters: MeterProvider
  readonly #url: string

  private constructor(port: number, exporter: PrometheusExporter) {
    this.meters = new MeterProvider({ readers: [exporter] })
    this.#url = `http://127.0.0.1:${port}/metrics`
  }

  /** Registers it globally, as an application does before anything else. */
  static async start(): Promise<Telemetry> {
    const port = await freePort()
    const exporter = new PrometheusExporter({ host: '127.0.0.1', port, preventServerStart: true })
    await exporter.startServer()
    const telemetry = new Telemetry(port, exporter)
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    trace.setGlobalTracerProvider(telemetry.tracers)
    metrics.setGlobalMeterProvider(telemetry.meters)
    return telemetry
  }

  /** The spans that are over, and forgets them. */
  take(): ReadableSpan[] {
    const spans = this.#spans.getFinishedSpans()
    this.#spans.reset()
    return spans
  }

  /** What a scrape by Prometheus finds. */
  async scrape(): Promise<string> {
    return (await fetch(this.#url)).text()
  }

  /** Runs something under a span of the application's own. */
  async under<T>(name: string, run: () => Promise<T>): Promise<T> {
    return this.tracers.getTracer('application').startActiveSpan(name, async (span) => {
      try {
        return await run()
      } finally {
        span.end()
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.meters.shutdown()
    await this.tracers.shutdown()
    trace.disable()
    metrics.disable()
    context.disable()
  }
}
