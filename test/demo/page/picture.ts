import { kindTitles } from '../../lanes/kind.ts'
import type { LaneData, ReportData } from './data.ts'
import { Html, html } from './html.ts'
import { chart, colours } from './style.ts'
import { height, Timeline, width } from './timeline.ts'
import { troubles } from './troubles.ts'

const left = 152
const right = 240
const drawn = 560
const tall = (drawn / width) * height
const between = tall + 6
const above = 30
const top = 34

/** The timelines as a picture of their own, for a README: SVG that needs nothing else. */
export function picture(data: ReportData): string {
  const timeline = new Timeline(data)
  const clients = [...Map.groupBy(data.lanes, ({ title }) => title).values()]
  const heights = clients.map((lanes) => above + lanes.length * between + 10)
  const bottom = top + heights.reduce((sum, high) => sum + high, 0)
  const starts = heights.map(
    (_, at) => top + heights.slice(0, at).reduce((sum, high) => sum + high, 0),
  )
  const all = left + drawn + right
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${all} ${Math.ceil(bottom + 26)}" role="img" aria-label="Transfers acknowledged by each client, second by second, under fire">
<style>${new Html(`${colours}\n.paper { fill: var(--paper); } text { font: 13px system-ui, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--soft); } text.client { font-weight: 650; font-size: 15px; fill: var(--ink); } text.kind { font-weight: 600; fill: var(--tone); } .bad { fill: var(--bad); font-weight: 600; } .rule { stroke: var(--line); }${chart}\n.axis text, text.stall { font-size: 17px; }`)}</style>
<rect class="paper" width="100%" height="100%" rx="10"/>
${legend}
${clients.map((lanes, at) => client(lanes, timeline, at, starts[at] ?? 0))}
${timeline.axis(html`x="${left}" y="${bottom}" width="${drawn}" height="20" overflow="visible"`)}
</svg>
`.text
}

function client(lanes: readonly LaneData[], timeline: Timeline, at: number, from: number): Html {
  return html`<path class="rule" d="M16 ${from}H${left + drawn + right - 16}"${new Html(at === 0 ? ' opacity="0"' : '')}/>
<text class="client" x="16" y="${from + 21}">${lanes[0]?.title ?? ''}</text>
${lanes.map((lane, which) => {
  const y = Math.round(from + above + which * between)
  const { acknowledged } = lane.result
  return html`<text class="kind ${lane.kind}" x="16" y="${y + 26}">${kindTitles[lane.kind]}</text>
${timeline.lane(lane, `picture-${at}-${which}`, html`x="${left}" y="${y}" width="${drawn}" height="${tall}" overflow="visible"`)}
<text x="${left + drawn + 14}" y="${y + 18}">${acknowledged} acknowledged</text>
<text x="${left + drawn + 14}" y="${y + 34}">${troubles(lane, 'tspan')}</text>`
})}
`
}

const legend = html`<g class="with"><path class="bars" d="M16 26v-8h4v8zM21 26v-12h4v12zM26 26v-6h4v6z"/></g><text x="38" y="25">acknowledged per 100 ms</text>
<path class="kills" d="M232 18v6m5 -6v6m5 -6v6"/><text x="250" y="25">a connection killed or cut</text>
<rect class="outage" x="446" y="12" width="12" height="16"/><text x="466" y="25">the server restarts</text>
<circle class="error" cx="618" cy="21" r="3"/><text x="628" y="25">an error</text>
<g class="crash"><path d="M702 17l8 8m0 -8l-8 8"/></g><text x="718" y="25">the process crashes</text>`
