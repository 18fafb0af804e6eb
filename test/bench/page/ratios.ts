import { type Html, html } from '../../demo/page/html.ts'
import type { Plot } from '../section.ts'
import { linear } from './scale.ts'

const width = 840
const names = 220
const line = 20

/** Ratios one below the other: a dot with its interval, a ring for the CPU, a stroke for the goal. */
export function ratios({ marks }: Plot & { kind: 'ratios' }): Html {
  const low = Math.max(0, Math.min(0.6, ...marks.map(({ ratio, within }) => ratio - within)))
  const high = Math.max(1.1, ...marks.map(({ ratio, within }) => ratio + within))
  const x = linear([low, high], [names, width - 10])
  const height = marks.length * line + 24
  const step = [0.1, 0.2, 0.5, 1, 2, 5].find((each) => (high - low) / each <= 12) ?? 10
  const steps = Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => i * step).filter(
    (v) => v >= low,
  )
  return html`<svg viewBox="0 0 ${width} ${height}" role="img">
${steps.map((v) => html`<path class="axis-line" d="M${x(v)} 0V${height - 18}"/><text x="${x(v)}" y="${height - 5}" text-anchor="middle">${v.toFixed(1)}</text>`)}
<path class="one" d="M${x(1)} 0V${height - 18}"/>
${marks.map(({ title, ratio, within, cpu, goal }, at) => {
  const y = at * line + 12
  return html`<g><title>${title}: ${ratio.toFixed(3)} ± ${within.toFixed(3)}, CPU ${cpu.toFixed(3)}, goal ${goal.toFixed(2)}</title>
<text class="name" x="0" y="${y + 4}">${title}</text>
<path class="goal" d="M${x(goal)} ${y - 7}v14"/><path class="span" d="M${x(Math.max(low, ratio - within))} ${y}H${x(ratio + within)}"/>
<circle class="dot" cx="${x(ratio)}" cy="${y}" r="3.5"/><circle class="cpu" cx="${x(Math.min(high, Math.max(low, cpu)))}" cy="${y}" r="4.5"/></g>`
})}
</svg>`
}
