import { clearScreenDown, moveCursor } from 'node:readline'
import { styleText } from 'node:util'
import { titles } from '../subjects/index.ts'
import type { Contestant } from './experiment.ts'
import { kindTitles, type LaneKind, laneKind, laneKinds } from './kind.ts'
import type { Lane } from './lane.ts'
import { waitingFor } from './waiting.ts'

const redrawMs = 200
const lineMs = 5000
/** Who takes longer to come back, when nobody begins anything any more, is waited for. */
const promptMs = 1000
const sliceMs = 500
const slices = 20
const labels = `${'client'.padEnd(13)} ${'Reprise'.padEnd(7)}  ${'the last ten seconds'.padEnd(slices)}       ok  errors  crashes`
const colours = { without: 'yellow', retry: 'magenta', with: 'green' } as const
const bars = [...' ▁▂▃▄▅▆▇█']

/** What can be watched: an experiment, as far as that takes. */
export interface Watched {
  readonly now: number
  readonly contestants: readonly Pick<Contestant, 'lane'>[]
}

/** Who watches an experiment. */
export interface Watcher {
  /** What is being done now. */
  phase(text: string): void
  /** Nobody begins anything any more; what was begun is waited for, so long at most. */
  waitFor(milliseconds: number): void
  /** These lanes are about to begin. */
  watch(experiment: Watched): void
  /** They are done. */
  unwatch(): void
}

/**
 * Shows what goes on, in 80 columns: on a terminal one line per lane, drawn again and again; elsewhere a line now and
 * then.
 */
export class Progress implements Watcher {
  readonly #stream: NodeJS.WriteStream
  #experiment: Watched | undefined
  #phase = ''
  #timer: NodeJS.Timeout | undefined
  #drawn = 0
  /** From when until when, by the clock of the experiment, what was begun is waited for. */
  #wait: { readonly from: number; readonly until: number } | undefined

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  phase(text: string): void {
    this.#phase = text
    if (this.#stream.isTTY) this.#draw()
    else this.#stream.write(`${text}\n`)
  }

  waitFor(milliseconds: number): void {
    const from = this.#experiment?.now ?? 0
    this.#wait = { from, until: from + milliseconds }
    this.phase('letting the callers finish')
  }

  watch(experiment: Watched): void {
    this.#experiment = experiment
    if (this.#stream.isTTY) this.#timer = setInterval(() => this.#draw(), redrawMs)
    else this.#timer = setInterval(() => this.#log(experiment), lineMs)
  }

  /** Says something that stays. */
  say(text: string): void {
    this.#stream.write(`${text}\n`)
  }

  /** The last look stays. */
  unwatch(): void {
    clearInterval(this.#timer)
    if (this.#stream.isTTY) this.#draw()
    this.#experiment = undefined
    this.#wait = undefined
    this.#drawn = 0
  }

  #draw(): void {
    const lanes = this.#lanes()
    const labelled = lanes.length > 0 ? [this.#paint('dim', labels)] : []
    const lines = [this.#head(), ...labelled, ...lanes.map((lane) => this.#line(lane))]
    moveCursor(this.#stream, 0, -this.#drawn)
    clearScreenDown(this.#stream)
    this.#stream.write(`${lines.join('\n')}\n`)
    this.#drawn = lines.length
  }

  #head(): string {
    const seconds = this.#experiment ? `${(this.#experiment.now / 1000).toFixed(0)} s  ` : ''
    return this.#paint('bold', `${seconds}${this.#waiting() ?? this.#phase}`)
  }

  #waiting(): string | undefined {
    const { now = 0 } = this.#experiment ?? {}
    if (this.#wait === undefined || now - this.#wait.from < promptMs) return undefined
    return waitingFor(this.#lanes(), this.#wait.until - now)
  }

  #lanes(): Lane[] {
    return this.#experiment?.contestants.map(({ lane }) => lane) ?? []
  }

  #line(lane: Lane): string {
    const { acknowledged, failed, crashes } = lane.history
    const kind = laneKind(lane.order)
    const name = `${titles[lane.order.subject].padEnd(13)} ${kind.padEnd(7)}`
    const bad = failed.length + crashes.length > 0
    const troubles = `${String(failed.length).padStart(6)}  ${String(crashes.length).padStart(7)}`
    return [
      kind === 'with' ? name : this.#paint('dim', name),
      this.#paint(colours[kind], this.#spark(lane)),
      String(acknowledged.length).padStart(7),
      this.#paint(bad ? 'red' : 'dim', troubles),
    ].join('  ')
  }

  /** The last ten seconds, in blocks; after the end, those before it. */
  #spark({ history, order }: Lane): string {
    const { workers, periodMs } = order.workload
    const now = Math.max(0, ...this.#lanes().map((lane) => lane.history.acknowledged.at(-1) ?? 0))
    const counts = history.slices(Math.floor(now / sliceMs) * sliceMs, sliceMs).slice(-slices)
    const most = periodMs > 0 ? (workers * sliceMs) / periodMs : Math.max(1, ...counts)
    return counts
      .map((count) => bars[Math.min(8, Math.ceil((count / most) * 8))])
      .join('')
      .padStart(slices)
  }

  #log({ now }: Watched): void {
    const waiting = this.#waiting()
    if (waiting !== undefined) {
      this.#stream.write(`${waiting}\n`)
      return
    }
    const kinds = Map.groupBy(this.#lanes(), ({ order }) => laneKind(order))
    const rows = laneKinds.flatMap((kind) => this.#sum(kind, kinds.get(kind) ?? []))
    this.#stream.write(`${(now / 1000).toFixed(0)} s\n${rows.join('')}`)
  }

  #sum(kind: LaneKind, lanes: readonly Lane[]): string[] {
    if (lanes.length === 0) return []
    const sum = (what: 'acknowledged' | 'failed' | 'crashes'): number =>
      lanes.reduce((total, { history }) => total + history[what].length, 0)
    const counts = `${sum('acknowledged')} acknowledged, ${sum('failed')} errors, ${sum('crashes')} crashes`
    return [`  ${kindTitles[kind].padEnd(18)}  ${counts}\n`]
  }

  #paint(style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'magenta', text: string): string {
    return styleText(style, text, { stream: this.#stream })
  }
}
