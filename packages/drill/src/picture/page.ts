import { type Counters, type Outcome, outcomes } from '@reprise/core'
import type { DrillOrder } from '../arguments.ts'
import { surfacedIn } from '../counters.ts'
import type { History } from '../history.ts'
import { counted, done, named, rate, whose } from '../words.ts'
import { Markup, markup } from './markup.ts'
import { drawn, type Strip } from './strip.ts'
import { style } from './style.ts'

/** What a report is about. */
export interface Drilled {
  readonly order: DrillOrder
  readonly history: History
  /** Where the database is. */
  readonly place: string
}

const meanings: { readonly [O in Outcome]: string } = {
  'not-sent': 'Not a byte of it reached the server: it can be done again.',
  'rolled-back': 'Nothing of it was kept: it can be done again.',
  committed: 'It is done, but its answer was lost: read it back, do not repeat it.',
  'in-doubt': 'Nobody can say: look it up before doing it again.',
}

/** The whole report: one file that needs nothing else. */
export function page(drilled: Drilled): string {
  const { order, history, place } = drilled
  const { counted: told, seconds, startedAt } = history
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<link rel="icon" href="data:,">
<title>Fire drill: ${order.applicationName}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
<h1>Fire drill: ${order.applicationName}</h1>
<p class="lead">The drill ${done(order)} ${whose(order)} on ${place}, ${rate(order)} at most, for ${lasted(drilled)}${history.interrupted ? ', until somebody stopped it' : ''}.</p>
${verdict(told)}
<dl class="facts">${facts(drilled)}</dl>
<h2>Second by second</h2>
${strips(drilled).map(drawn)}
<div class="axis"><span>0 s</span><span>${seconds.length} s</span></div>
<h2>What was hit</h2>
${whoWasHit(history)}
${told && outcomesOf(told)}
<footer>${startedAt.toISOString().replace('T', ' ').slice(0, 19)} UTC${troubles(history)}</footer>
</main>
</body>
</html>
`.source
}

function facts({ order, history }: Drilled): Markup[] {
  const { counted: told, hits } = history
  const hit = fact(done(order), hits)
  if (told === undefined) return [hit]
  return [
    hit,
    fact('losses noticed', told.losses),
    fact('mended', told.mended),
    fact('surfaced', surfacedIn(told)),
    fact('in doubt', told.surfaced['in-doubt']),
  ]
}

function strips({ order, history }: Drilled): Strip[] {
  const { seconds, counted: told } = history
  const eachSecond = (most: number): string => `${most} a second at most`
  const strip = (title: string, kind: 'hit' | 'mended' | 'surfaced'): Strip => ({
    title,
    kind,
    values: seconds.map((second) => second[kind]),
    most: eachSecond,
  })
  return [
    strip(`Backends ${done(order)}`, 'hit'),
    ...(told === undefined ? [] : [strip('Mended', 'mended'), strip('Surfaced', 'surfaced')]),
    {
      title: 'Backends there',
      kind: 'there',
      values: seconds.map(({ backends }) => backends ?? 0),
      most: (most) => `${most} at most`,
    },
  ]
}

function whoWasHit({ byDoing }: History): Markup {
  if (byDoing.size === 0) return markup`<p class="lead">Nobody was there to be hit.</p>`
  const rows = [...byDoing].map(
    ([doing, times]) =>
      markup`<tr><th scope="row">${named(doing)}</th><td>${times}</td></tr>
`,
  )
  return markup`<table><thead><tr><th scope="col">it was</th><th scope="col">times</th></tr></thead><tbody>
${rows}</tbody></table>`
}

function troubles({ unreachable, silent }: History): Markup {
  const told = [
    unreachable > 0 && `In ${counted(unreachable, 'second')} the server did not answer the drill.`,
    silent > 0 && `${counted(silent, 'reading')} of the counters failed.`,
  ].filter((sentence) => sentence !== false)
  return markup`${told.map((sentence) => markup` · ${sentence}`)}`
}

function lasted({ order, history }: Drilled): string {
  return counted(Math.round(Math.min(history.lasted, order.lasting) / 1000), 'second')
}

function verdict(told: Counters | undefined): Markup {
  if (told === undefined) {
    return markup`<p class="verdict open">What reached its callers only the application knows: see its log, or pass <code>--counters</code>.</p>`
  }
  const errors = surfacedIn(told)
  return errors === 0
    ? markup`<p class="verdict good">No caller noticed.</p>`
    : markup`<p class="verdict poor">${counted(errors, 'error')} reached a caller.</p>`
}

function fact(name: string, count: number): Markup {
  return markup`<div><dt>${name}</dt><dd>${count.toLocaleString('en')}</dd></div>
`
}

function outcomesOf({ surfaced, replays, divergences, doubts, reruns }: Counters): Markup {
  const rows = outcomes.map(
    (outcome) =>
      markup`<tr><th scope="row">${outcome}</th><td>${meanings[outcome]}</td><td>${surfaced[outcome]}</td></tr>
`,
  )
  return markup`<h2>What callers were told</h2>
<table><thead><tr><th scope="col">outcome</th><th scope="col">of the work</th><th scope="col">errors</th></tr></thead><tbody>
${rows}</tbody></table>
<h2>What Reprise did about it</h2>
<table><tbody>
<tr><th scope="row">replays</th><td>transactions executed again and compared</td><td>${replays}</td></tr>
<tr><th scope="row">divergences</th><td>those whose answers were others: rolled back, and told, unless a callback ran again</td><td>${divergences}</td></tr>
<tr><th scope="row">doubts</th><td>commits whose outcome the server was asked for</td><td>${doubts}</td></tr>
<tr><th scope="row">reruns</th><td>callbacks run again from their start</td><td>${reruns}</td></tr>
</tbody></table>`
}
