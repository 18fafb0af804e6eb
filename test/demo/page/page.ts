import { kindTitles, type LaneKind, laneKinds } from '../../lanes/kind.ts'
import type { LaneData, ReportData } from './data.ts'
import { Html, html } from './html.ts'
import { style } from './style.ts'
import { seconds, Timeline } from './timeline.ts'
import { troubles } from './troubles.ts'

const bad = (count: number): Html =>
  count > 0 ? html`<span class="bad">${count}</span>` : html`${count}`

const inWords = ['No', 'One', 'Two', 'Three', 'Four', 'Five']

/**
 * The whole report: one file that needs nothing else.
 *
 * @param more where to read on, as a link from the report
 */
export function page(data: ReportData, more: string): string {
  const timeline = new Timeline(data)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Reprise under fire</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<h1>Reprise under fire</h1>
<p class="lead">Reprise makes killed PostgreSQL backends, restarts and failovers invisible to users of node-postgres, Prisma, Kysely, TypeORM and MikroORM: a lost transaction is executed again, every answer is compared, and the server is asked what became of a lost COMMIT. <a href="${more}">What it is, and how to start</a>.</p>
<p class="soft">${lead(data)}</p>
<div class="cards">${laneKinds.map((kind) => card(data, kind))}</div>
<h2>What happened, second by second</h2>
${legend}
${clients(data).map((lanes, at) => client(lanes, timeline, at))}
<div class="client"><span class="spacer"></span>${timeline.axis()}<span class="spacer"></span></div>
${fewer(data)}
<h2>What became of it</h2>
<p class="soft">What each was told was compared with its database after all was quiet. <span class="swipe">The table goes on to the right: swipe it.</span></p>
<div class="scroll" tabindex="0" role="region" aria-label="What became of it">${results(data)}</div>
<h2>What the words mean</h2>
${words}
<footer>Made ${data.made} on PostgreSQL 18 and Node.js ${process.versions.node}. The load is the same for all and is kept below what the machine can do, so these numbers are no benchmark of the clients.</footer>
</main>
</body>
</html>
`.text
}

function lead({ lanes, end, outages }: ReportData): string {
  const kills = lanes.reduce((sum, lane) => sum + lane.kills.length, 0)
  const subjects = clients({ lanes }).length
  const restarts = outages.length === 1 ? 'once' : `${outages.length} times`
  return `${inWords[subjects] ?? subjects} PostgreSQL client${subjects === 1 ? '' : 's'} moved money between accounts for ${Math.round(end / 1000)} seconds, each of them three times: as it comes, with a naive retry around it, and with Reprise; all at the same time on one server. ${number(kills)} of their connections were terminated, or cut while the answer to a COMMIT was on its way, and the server restarted ${restarts}.`
}

function card({ lanes }: ReportData, kind: LaneKind): Html {
  const results = lanes.filter((lane) => lane.kind === kind).map(({ result }) => result)
  const sum = (of: (result: LaneData['result']) => number): number =>
    results.reduce((total, result) => total + of(result), 0)
  const fact = (name: string, value: Html): Html =>
    html`<div><dt>${name}</dt><dd>${value}</dd></div>`
  return html`<section class="card ${kind}"><h2>${capital(kindTitles[kind])}</h2><dl>
${fact('acknowledged', html`${number(sum((result) => result.acknowledged))}`)}
${fact('errors', bad(sum((result) => result.errors)))}
${fact('lost', bad(sum((result) => result.lost)))}
${fact('duplicated', bad(sum((result) => result.duplicated)))}
${fact('crashes', bad(sum((result) => result.crashes)))}
${fact('hung', bad(sum((result) => result.hung)))}
</dl></section>`
}

function clients({ lanes }: Pick<ReportData, 'lanes'>): LaneData[][] {
  return [...Map.groupBy(lanes, ({ title }) => title).values()]
}

function client(lanes: readonly LaneData[], timeline: Timeline, at: number): Html {
  return html`<section class="client"><h3>${lanes[0]?.title ?? ''}</h3>
${lanes.map((lane, which) => {
  const { kind, result } = lane
  return html`<span class="kind ${kind}">${kindTitles[kind]}</span>${timeline.lane(lane, `lane-${at}-${which}`)}<span class="facts"><b>${number(result.acknowledged)}</b> acknowledged<br> ${troubles(lane)}</span>`
})}
</section>`
}

/** The load is paced: whoever waits begins less, and whoever fails at once begins the next at once. */
function fewer({ lanes }: ReportData): Html {
  const titles = lanes
    .filter(({ kind, title, result }) => {
      const plain = lanes.find((lane) => lane.title === title && lane.kind === 'without')
      return kind === 'with' && result.acknowledged < (plain?.result.acknowledged ?? 0)
    })
    .map(({ title }) => title)
  if (titles.length === 0) return html``
  return html`<p class="soft">Fewer acknowledged with Reprise than without (${titles.join(', ')})? A caller begins its next transfer when the last one is done, three in a second at most. With Reprise it waits while a transaction is mended; without, it is told of the failure at once and begins another.</p>`
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

function number(count: number): string {
  return count.toLocaleString('en')
}

function results({ lanes }: ReportData): Html {
  const heads = [
    'Client',
    'Reprise',
    'Acknowledged',
    'Errors',
    'Lost',
    'Duplicated',
    'Crashes',
    'Hung',
    'Longest stall',
  ]
  return html`<table>
<thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>
${lanes.map(({ title, kind, result, kinds }) => {
  const split =
    result.reprise && kinds.length > 0
      ? html` <small>${kinds.map(([kind, times]) => `${times} ${kind}`).join(', ')}</small>`
      : html``
  return html`<tr class="${kind}"><th scope="row">${title}</th><td>${kindTitles[kind]}</td><td>${number(result.acknowledged)}</td><td>${bad(result.errors)}${split}</td><td>${bad(result.lost)}</td><td>${bad(result.duplicated)}</td><td>${bad(result.crashes)}</td><td>${bad(result.hung)}</td><td>${seconds(result.longestStallMs)}</td></tr>
`
})}
</tbody></table>`
}

const legend = html`<ul class="legend">
<li><svg viewBox="0 0 22 14" aria-hidden="true" class="lane with"><path class="bars" d="M2 14V5h4v9zM8 14V2h4v12zM14 14V6h4v8z"/></svg>acknowledged per 100 ms</li>
<li><svg viewBox="0 0 22 14" aria-hidden="true"><path class="kills" d="M5 4v6M11 4v6M17 4v6"/></svg>a connection killed or cut</li>
<li><svg viewBox="0 0 22 14" aria-hidden="true"><rect class="outage" x="6" y="0" width="10" height="14"/></svg>the server restarts</li>
<li><svg viewBox="0 0 22 14" aria-hidden="true"><circle class="error" cx="11" cy="7" r="3"/></svg>an error reaches the application</li>
<li><svg viewBox="0 0 22 14" aria-hidden="true"><g class="crash"><path d="M7 3l8 8m0 -8l-8 8"/></g></svg>the process crashes and is started again</li>
</ul>`

const words = html`<dl class="words">
<dt>with a naive retry</dt><dd>Around the same code, a loop of ten lines as it is found everywhere: what looks like a lost connection is done again, up to 20 times. It cannot know whether a COMMIT whose answer was lost was done.</dd>
<dt>with Reprise</dt><dd>The client through Reprise’s door for it, its transactions declared <code>rerunnable()</code>.</dd>
<dt>acknowledged</dt><dd>The application was told that the transfer is made.</dd>
<dt>errors</dt><dd>The application was told that it failed. With Reprise the error says what became of the transaction: not-sent, rolled-back, committed or in-doubt. <em>Diverged</em> is rolled-back for a reason: after the loss the transaction was executed again, and something that it had read was no longer the same.</dd>
<dt>lost</dt><dd>Acknowledged, and not in the database.</dd>
<dt>duplicated</dt><dd>One transfer, more than once in the database.</dd>
<dt>crashes</dt><dd>The whole process of the application ended. It is started again at once, and that goes on its time.</dd>
<dt>hung</dt><dd>A call that had not come back 20 seconds after the last fault, with the server up.</dd>
<dt>longest stall</dt><dd>The longest time in which nothing was acknowledged.</dd>
</dl>`
