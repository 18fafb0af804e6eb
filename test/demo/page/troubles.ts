import type { LaneData } from './data.ts'
import { type Html, html } from './html.ts'

/** What went wrong in a lane, in a few words, by an element that is red in HTML or in SVG. */
export function troubles({ result }: LaneData, element: 'span' | 'tspan' = 'span'): Html {
  const all = [
    counted(result.errors, 'error', 'errors'),
    counted(result.crashes, 'crash', 'crashes'),
    counted(result.hung, 'hung', 'hung'),
    counted(result.lost, 'lost', 'lost'),
    counted(result.duplicated, 'duplicated', 'duplicated'),
  ].filter((text) => text !== undefined)
  if (all.length === 0) return html`no error`
  return html`<${element} class="bad">${all.join(', ')}</${element}>`
}

function counted(count: number, one: string, many: string): string | undefined {
  return count === 0 ? undefined : `${count} ${count === 1 ? one : many}`
}
