import { untilNextTry } from '@reprise/core'
import { seeded } from '../kit/index.ts'
import type { Herd } from './herd.ts'

/** How clients come back. */
export type Manner = 'reprise' | 'naive' | 'exponential'
export const manners: readonly Manner[] = ['reprise', 'exponential', 'naive']

const processes = 200
/** The server of the model, in milliseconds. */
const down = 3000
const connectTakes = 5
const atOnce = 2
const refusal = 5
const abandonedTakes = 1
/** Whoever is not served by then never is. */
const end = 120_000
const patience = 10_000
const slice = 100
/** What a process of ours lets connect at once while the server answers: the default of the gate. */
const concurrency = 8

interface Event {
  readonly at: number
  readonly run: () => void
}

/** Events by time: a heap. */
class Agenda {
  readonly #heap: Event[] = []

  add(event: Event): void {
    const heap = this.#heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      if ((heap[up] as Event).at <= event.at) break
      heap[i] = heap[up] as Event
      i = up
    }
    heap[i] = event
  }

  next(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && (heap[child + 1] as Event).at < (heap[child] as Event).at)
        child++
      if ((heap[child] as Event).at >= last.at) break
      heap[i] = heap[child] as Event
      i = child
    }
    heap[i] = last
    return first
  }
}

/**
 * Ten thousand clients that lose their server at once, event by event: those of one process share a
 * gate as sessions of ours do, the others are each on their own. The same numbers every time.
 */
export function modelled(manner: Manner, clients: number): Herd {
  const random = seeded(1)
  const agenda = new Agenda()
  const served: number[] = []
  const curve: number[] = []
  const workers: number[] = Array.from({ length: atOnce }, () => down)
  let now = 0
  let tries = 0

  /** One connect: says later whether it succeeded. */
  const connect = (done: (ok: boolean) => void): void => {
    tries += 1
    const at = Math.floor(now / slice)
    while (curve.length <= at) curve.push(0)
    curve[at] = (curve[at] ?? 0) + 1
    if (now < down) {
      agenda.add({ at: now + refusal, run: () => done(false) })
      return
    }
    let worker = 0
    for (let i = 1; i < atOnce; i++) if ((workers[i] ?? 0) < (workers[worker] ?? 0)) worker = i
    const start = Math.max(now, workers[worker] ?? 0)
    // A process is started for those who do not wait any more, too, and finds that out.
    const patient = start - now <= patience
    const until = start + (patient ? connectTakes : abandonedTakes)
    workers[worker] = until
    agenda.add({ at: patient ? until : now + patience, run: () => done(patient) })
  }

  const alone = (): void => {
    let failures = 0
    const attempt = (): void =>
      connect((ok) => {
        if (ok) {
          served.push(now)
          return
        }
        failures += 1
        const wait = manner === 'naive' ? 0 : Math.min(1000, 25 * 2 ** (failures - 1))
        agenda.add({ at: now + wait, run: attempt })
      })
    agenda.add({ at: 0, run: attempt })
  }

  const gated = (size: number): void => {
    let waiting = size
    let inside = 0
    let failures = 0
    let downSince = 0
    let notBefore = 0
    const pump = (): void => {
      while (waiting > 0 && inside < (failures > 0 ? 1 : concurrency)) {
        if (failures > 0 && notBefore > now) {
          agenda.add({ at: notBefore, run: pump })
          return
        }
        inside += 1
        waiting -= 1
        const known = failures
        const from = now
        connect((ok) => {
          inside -= 1
          if (ok) {
            failures = 0
            served.push(now)
          } else {
            waiting += 1
            if (failures === known) {
              if (failures === 0) downSince = from
              failures += 1
              const outage = {
                failures,
                lasted: now - downSince,
                tryTook: now - from,
                said: 'server' as const,
              }
              notBefore = now + untilNextTry(outage, {}, random)
            }
          }
          pump()
        })
      }
    }
    agenda.add({ at: 0, run: pump })
  }

  if (manner === 'reprise') for (let i = 0; i < processes; i++) gated(clients / processes)
  else for (let i = 0; i < clients; i++) alone()
  for (
    let event = agenda.next();
    event !== undefined && event.at < end && served.length < clients;
    event = agenda.next()
  ) {
    now = event.at
    event.run()
  }
  return {
    manner,
    served: served.length < clients ? Number.POSITIVE_INFINITY : (served.at(-1) ?? 0),
    middle: served[Math.floor(clients / 2)] ?? Number.POSITIVE_INFINITY,
    tries,
    peak: Math.max(...curve) * (1000 / slice),
    refused: 0,
    curve,
  }
}
