import { type Html, html } from '../../demo/page/html.ts'
import type { Plot } from '../section.ts'
import { linear, short, ticks } from './scale.ts'

const width = 840
const height = 260
const left = 56
const bottom = 34

/** Curves over one axis, each with its name at the top. */
export function curves({ x: across, y: up, curves }: Plot & { kind: 'curves' }): Html {
  const points = curves.flatMap((curve) => curve.points)
  const mostX = Math.max(1, ...points.map(([x]) => x))
  const mostY = Math.max(1, ...points.map(([, y]) => y))
  const x = linear([0, mostX], [left, width - 8])
  const y = linear([0, mostY], [height - bottom, 22])
  return html`<svg viewBox="0 0 ${width} ${height}" role="img">
${ticks(mostY, 4).map((v) => html`<path class="axis-line" d="M${left} ${y(v)}H${width - 8}"/><text x="${left - 6}" y="${y(v) + 4}" text-anchor="end">${short(v)}</text>`)}
${ticks(mostX, 8).map((v) => html`<text x="${x(v)}" y="${height - bottom + 15}" text-anchor="middle">${short(v)}</text>`)}
<text x="${width - 8}" y="${height - 4}" text-anchor="end">${across}</text><text x="0" y="12">${up}</text>
${curves.map(({ name, tone, points }, at) => html`<path class="curve tone-${tone}" d="${points.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${x(px)} ${y(py)}`).join('')}"/><rect class="fill-${tone}" x="${left + 110 + at * 200}" y="4" width="10" height="10"/><text x="${left + 124 + at * 200}" y="13">${name}</text>`)}
</svg>`
}
