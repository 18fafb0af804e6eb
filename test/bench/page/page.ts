import { Html, html } from '../../demo/page/html.ts'
import { style } from '../../demo/page/style.ts'
import type { Plot, Section } from '../section.ts'
import { bars } from './bars.ts'
import { curves } from './curves.ts'
import { ratios } from './ratios.ts'

const more = `
figure { margin: 0 0 20px; overflow-x: auto; overflow-y: hidden; } figcaption { color: var(--soft); font-size: 13px; margin: 0 0 6px; }
figure svg { width: 100%; min-width: 640px; height: auto; display: block; overflow: visible; }
figure text { fill: var(--soft); font-size: 11px; } figure text.name { fill: var(--ink); }
.axis-line { stroke: var(--line); } .one { stroke: var(--soft); stroke-dasharray: 3 3; }
.goal { stroke: var(--ink); stroke-width: 1.5; } .span { stroke: var(--with); stroke-width: 2; }
.dot { fill: var(--with); } .cpu { fill: none; stroke: var(--without); stroke-width: 1.5; }
.curve { fill: none; stroke-width: 1.6; }
.tone-with { stroke: var(--with); } .tone-without { stroke: var(--without); } .tone-other { stroke: var(--outage); }
.fill-with { fill: var(--with); } .fill-without { fill: var(--without); } .fill-other { fill: var(--outage); }
td:nth-child(2) { text-align: right; }
`

/** The whole report: one file that needs nothing else. */
export function page(sections: readonly Section[]): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Reprise, measured</title>
<style>${new Html(style + more)}</style>
</head>
<body>
<main>
<h1>Reprise, measured</h1>
<p class="lead">Each part by its own run, with its date and machine beneath it. A ratio is against the same client without Reprise in the same run.</p>
${sections.map(part)}
</main>
</body>
</html>
`.text
}

function part({ title, words, plots, head, rows, machine }: Section): Html {
  return html`<section>
<h2>${title}</h2>
<p>${words}</p>
${plots.map(picture)}
<div class="scroll"><table>
<thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first = '', ...cells]) =>
      html`<tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}</tbody>
</table></div>
<footer>${machine.made}, ${machine.words}.</footer>
</section>
`
}

function picture(plot: Plot): Html {
  const drawn =
    plot.kind === 'ratios' ? ratios(plot) : plot.kind === 'bars' ? bars(plot) : curves(plot)
  return html`<figure><figcaption>${plot.title}</figcaption>${drawn}</figure>`
}
