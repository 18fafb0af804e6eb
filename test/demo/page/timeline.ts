import { kindTitles } from '../../lanes/kind.ts'
import { type LaneData, type Mark, type ReportData, sliceMs } from './data.ts'
import { Html, html } from './html.ts'

/** The size of a lane, in units of its picture. */
export const width = 840
export const height = 62
/** Errors and crashes are above, bars stand on the ground, kills are below it. */
const sky = 7
const roof = 14
const ground = 52
const worthSayingMs = 1000
const roomForText = 36

/** Draws the lanes of one report, all to the same scale. */
export class Timeline {
  readonly #data: ReportData
  readonly #most: number

  constructor(data: ReportData) {
    this.#data = data
    this.#most = usual(data.lanes.flatMap(({ slices }) => slices))
  }

  /** One lane; `place` is more attributes, where it stands inside another picture. */
  lane(lane: LaneData, id: string, place: Html = html``): Html {
    const { kind } = lane
    return html`<svg ${place} viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-t ${id}-d" class="lane ${kind}">
<title id="${id}-t">${lane.title} ${kindTitles[kind]}</title>
<desc id="${id}-d">${spoken(lane)}</desc>
${this.#grid()}
${this.#data.outages.map(({ from, to }) => html`<rect class="outage" x="${this.#x(from)}" y="0" width="${this.#wide(from, to)}" height="${ground}"/>`)}
<path class="bars" d="${this.#bars(lane.slices)}"/>
<path class="ground" d="M0 ${ground}H${width}"/>
<path class="kills" d="${lane.kills.map((at) => `M${this.#x(at)} ${ground + 3}v6`).join('')}"/>
${this.#stall(lane)}
${lane.crashes.map((mark) => this.#crash(mark))}
${lane.errors.map((mark) => this.#error(mark))}
</svg>`
  }

  /** The seconds, below all lanes. */
  axis(place: Html = html``): Html {
    return html`<svg ${place} viewBox="0 0 ${width} 18" class="axis" aria-hidden="true">
${this.#seconds().map((second, at) => {
  const anchor = second === 0 ? 'start' : 'middle'
  const odd = at % 2 === 1 ? ' class="odd"' : ''
  return html`<text${new Html(odd)} x="${this.#x(second * 1000)}" y="13" text-anchor="${anchor}">${second} s</text>`
})}
</svg>`
  }

  #seconds(): number[] {
    const step = this.#data.end > 20_000 ? 5 : 1
    const count = Math.floor((this.#data.end - 400 * step) / 1000 / step) + 1
    return Array.from({ length: Math.max(1, count) }, (_, at) => at * step)
  }

  #grid(): Html {
    const lines = this.#seconds().map((second) => `M${this.#x(second * 1000)} 0V${ground}`)
    return html`<path class="grid" d="${lines.join('')}"/>`
  }

  #bars(slices: readonly number[]): string {
    const wide = round((sliceMs / this.#data.end) * width)
    return slices
      .flatMap((count, at) => {
        const high = round(Math.min(1, count / this.#most) * (ground - roof))
        return count === 0 ? [] : [`M${this.#x(at * sliceMs)} ${ground}v${-high}h${wide}v${high}z`]
      })
      .join('')
  }

  #stall({ stall }: LaneData): Html {
    const from = this.#x(stall.from)
    const to = this.#x(stall.to)
    if (stall.to - stall.from < worthSayingMs || to - from < roomForText) return html``
    const middle = (roof + ground) / 2
    return html`<path class="stall" d="M${from} ${middle - 3}v6m0 -3H${to}m0 -3v6"/><text class="stall" x="${round((from + to) / 2)}" y="${middle - 5}" text-anchor="middle">${seconds(stall.to - stall.from)}</text>`
  }

  #crash({ at, text }: Mark): Html {
    const x = this.#x(at)
    return html`<g class="crash"><title>${seconds(at)}: the process crashed. ${text}</title><path class="fall" d="M${x} ${roof}V${ground}"/><path d="M${round(x - 3)} ${sky - 3}l6 6m0 -6l-6 6"/></g>`
  }

  #error({ at, text }: Mark): Html {
    return html`<circle class="error" cx="${this.#x(at)}" cy="${sky}" r="2.2"><title>${seconds(at)}: ${text}</title></circle>`
  }

  #x(at: number): number {
    return round(Math.min(1, at / this.#data.end) * width)
  }

  /** Never so thin that it cannot be seen. */
  #wide(from: number, to: number): number {
    return Math.max(3, round(this.#x(to) - this.#x(from)))
  }
}

/** What a slice hardly ever exceeds: a burst should not make all the others small. */
function usual(slices: readonly number[]): number {
  const sorted = slices.toSorted((left, right) => left - right)
  return Math.max(1, sorted[Math.floor(sorted.length * 0.99)] ?? 0)
}

/** A time as it is written. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function spoken({ result, kills }: LaneData): string {
  const { acknowledged, errors, lost, duplicated, crashes, hung, longestStallMs } = result
  return `${kills.length} connections killed or cut; ${acknowledged} transfers acknowledged, ${errors} errors, ${crashes} crashes, ${hung} calls hung, ${lost} lost, ${duplicated} duplicated; at most ${seconds(longestStallMs)} without an answer.`
}

function round(number: number): number {
  return Math.round(number * 10) / 10
}
