import type { Attributes, Counter, Meter, ObservableResult } from '@opentelemetry/api'
import { knownServers } from '@reprise/core'
import type { Hearing } from './listen.ts'
import { lossOf, poolOf, serverOf } from './names.ts'

/** Recoveries take from a millisecond (an idle connection) to the deadline, 30 s by default. */
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Instruments on a meter. */
export interface Instruments {
  /** What they do about each event. */
  readonly hearing: Hearing
  /** Ends what is observed. */
  stop(): void
}

/** Makes the instruments on a meter. */
export function instrumentsOn(meter: Meter): Instruments {
  const counter = (name: string, unit: string, description: string): Counter =>
    meter.createCounter(`reprise.${name}`, { unit: `{${unit}}`, description })
  const losses = counter('losses', 'loss', 'Connections that ended without being told to')
  const reconnects = counter('reconnects', 'reconnect', 'New connections that carried a session on')
  const replays = counter('replays', 'replay', 'Transactions that were executed again')
  const divergences = counter('divergences', 'replay', 'Replays whose answers were others')
  const doubts = counter('doubts', 'doubt', 'Commits whose outcome the server was asked for')
  const reruns = counter('reruns', 'rerun', 'Transaction callbacks that were run again')
  const surfaced = counter('surfaced', 'error', 'Losses that reached a caller, by outcome')
  const recovery = meter.createHistogram('reprise.recovery.duration', {
    unit: 's',
    description: 'How long work that was lost took to its end',
    advice: { explicitBucketBoundaries: boundaries },
  })
  const budget = meter.createObservableGauge('reprise.budget', {
    unit: '{retry}',
    description: 'Retries in hand for a server; at 0 losses surface',
  })
  const gate = meter.createObservableGauge('reprise.gate.shut', {
    unit: '{gate}',
    description: 'Whether a server is known to be down: 1 while only one prober knocks, else 0',
  })
  budget.addCallback(observeBudgets)
  gate.addCallback(observeGates)
  return {
    hearing: {
      'reprise:loss': (event) => losses.add(1, { ...serverOf(event), ...lossOf(event) }),
      'reprise:reconnect': (event) => reconnects.add(1, serverOf(event)),
      'reprise:replay': (event) => {
        replays.add(1, serverOf(event))
        if (event.diverged) divergences.add(1, serverOf(event))
      },
      'reprise:resolve': (event) => {
        doubts.add(1, { ...serverOf(event), 'reprise.outcome': event.outcome })
      },
      'reprise:rerun': ({ condition, poolName }) =>
        reruns.add(1, { ...poolOf(poolName), 'reprise.condition': condition }),
      'reprise:surface': (event) => {
        const { outcome, condition } = event
        surfaced.add(1, {
          ...serverOf(event),
          'reprise.outcome': outcome,
          'reprise.condition': condition,
        })
      },
      'reprise:recovery': (event) => {
        const result = event.surfaced === undefined ? 'mended' : 'surfaced'
        recovery.record(event.duration / 1000, { ...serverOf(event), 'reprise.result': result })
      },
    },
    stop: () => {
      budget.removeCallback(observeBudgets)
      gate.removeCallback(observeGates)
    },
  }
}

/** The smallest of a server, where calls of reprise() gave it budgets of their own. */
function observeBudgets(result: ObservableResult): void {
  observe(result, ({ budget }) => budget.balance, Math.min)
}

function observeGates(result: ObservableResult): void {
  observe(result, ({ gate }) => (gate.down ? 1 : 0), Math.max)
}

type Known = ReturnType<typeof knownServers>[number]

function observe(
  result: ObservableResult,
  measure: (server: Known) => number,
  either: (one: number, other: number) => number,
): void {
  const measured = new Map<string, { attributes: Attributes; value: number }>()
  for (const server of knownServers()) {
    const attributes = serverOf(server)
    const name = JSON.stringify(attributes)
    const value = measure(server)
    const before = measured.get(name)?.value ?? value
    measured.set(name, { attributes, value: either(before, value) })
  }
  for (const { attributes, value } of measured.values()) result.observe(value, attributes)
}
