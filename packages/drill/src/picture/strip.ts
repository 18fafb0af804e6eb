import { type Markup, markup } from './markup.ts'

/** A row of the picture: a number for each second. */
export interface Strip {
  readonly title: string
  readonly kind: 'hit' | 'mended' | 'surfaced' | 'there'
  readonly values: readonly number[]
  /** What the highest bar stands for, such as `at most 3 a second`. */
  readonly most: (most: number) => string
}

/** Draws one. It is stretched to the width of the page, so all words are beside it and none in it. */
export function drawn({ title, kind, values, most }: Strip): Markup {
  const highest = Math.max(0, ...values)
  const bars = values.map((value, at) => {
    const height = highest === 0 ? 0 : (value / highest) * 44
    return value > 0 ? `M${at + 0.1} 44v-${height.toFixed(2)}h.8v${height.toFixed(2)}z` : ''
  })
  const said = highest === 0 ? 'none' : most(highest)
  return markup`<section class="strip ${kind}"><h3>${title}</h3><p>${said}</p>
<svg viewBox="0 0 ${Math.max(1, values.length)} 44" preserveAspectRatio="none" role="img" aria-label="${title}: ${said}"><path d="${bars.join('')}"/></svg></section>
`
}
