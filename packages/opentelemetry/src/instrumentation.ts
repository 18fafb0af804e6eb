import {
  type Meter,
  type MeterProvider,
  metrics,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { instrumentsOn } from './instruments.ts'
import { listen } from './listen.ts'
import { scope, version } from './names.ts'
import { isTraced, recordSpan } from './span.ts'

/** The options of {@link RepriseInstrumentation}. All are optional. */
export interface Options {
  /** Whether it listens from its construction on. Default true. */
  readonly enabled?: boolean | undefined
  /** Whether a recovery without a span above it has none of its own. Default false. */
  readonly requireParentSpan?: boolean | undefined
}

const known = ['enabled', 'requireParentSpan']

/**
 * Makes spans and metrics of what happens to the sessions of this process, whichever door made them. It
 * stands beside the instrumentation of pg, which makes those of the statements:
 *
 *     registerInstrumentations({ instrumentations: [new PgInstrumentation(), new RepriseInstrumentation()] })
 *
 * Made by itself it uses the providers that are registered globally, so make it after them.
 *
 * @throws TypeError for an unknown option or one of the wrong type
 */
export class RepriseInstrumentation {
  readonly instrumentationName: string = scope
  readonly instrumentationVersion: string = version
  #options: Options
  #tracer: Tracer = trace.getTracer(scope, version)
  #meter: Meter = metrics.getMeter(scope, version)
  /** Ends what {@link enable} began. */
  #stop: (() => void) | undefined

  constructor(options: Options = {}) {
    this.#options = checked(options)
    if (this.getConfig().enabled) this.enable()
  }

  /** Listens from now on. */
  enable(): void {
    this.#stop?.()
    const instruments = instrumentsOn(this.#meter)
    const leave = listen({
      ...instruments.hearing,
      'reprise:recovery': (event) => {
        instruments.hearing['reprise:recovery']?.(event)
        if (this.#options.requireParentSpan !== true || isTraced()) recordSpan(this.#tracer, event)
      },
    })
    this.#stop = () => {
      leave()
      instruments.stop()
    }
  }

  /** Hears and tells nothing any more. */
  disable(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  /** Called by registerInstrumentations(). */
  setTracerProvider(provider: TracerProvider): void {
    this.#tracer = provider.getTracer(scope, version)
  }

  /** Called by registerInstrumentations(). */
  setMeterProvider(provider: MeterProvider): void {
    this.#meter = provider.getMeter(scope, version)
    // Instruments belong to their meter.
    if (this.#stop !== undefined) this.enable()
  }

  /** The options it has. */
  getConfig(): Options & { readonly enabled: boolean } {
    return { ...this.#options, enabled: this.#options.enabled ?? true }
  }

  /** @throws TypeError for an unknown option or one of the wrong type */
  setConfig(options: Options): void {
    this.#options = checked(options)
  }
}

function checked(options: Options): Options {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('RepriseInstrumentation takes an object of options, or nothing.')
  }
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) {
      throw new TypeError(
        `RepriseInstrumentation has no option '${name}': use some of ${known.join(', ')}.`,
      )
    }
    if (value !== undefined && typeof value !== 'boolean') {
      throw new TypeError(`RepriseInstrumentation option '${name}' must be true or false.`)
    }
  }
  return options
}
