import { type Html, html } from '../../demo/page/html.ts'
import type { Plot } from '../section.ts'
import { linear, short } from './scale.ts'

const width = 840
const names = 220
const line = 24

/** Amounts one below the other. */
export function bars({ bars, unit }: Plot & { kind: 'bars' }): Html {
  const x = linear([0, Math.max(...bars.map(({ value }) => value))], [0, width - names - 110])
  return html`<svg viewBox="0 0 ${width} ${bars.length * line}" role="img">
${bars.map(({ name, value, tone }, at) => {
  const y = at * line
  return html`<text class="name" x="0" y="${y + 15}">${name}</text><rect class="fill-${tone}" x="${names}" y="${y + 3}" width="${Math.max(1, x(value))}" height="${line - 8}"/><text x="${names + 6 + x(value)}" y="${y + 15}">${short(value)} ${unit}</text>`
})}
</svg>`
}
