import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Target {
  readonly expr: string
  readonly legendFormat: string
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly description: string
    readonly targets: readonly Target[]
  }[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string }[]
  }
}

/** The dashboard of the package. */
export const dashboard: Dashboard = JSON.parse(
  readFileSync(join(import.meta.dirname, '../grafana/reprise.json'), 'utf8'),
)

/** A series that a query asks for: which metrics it may be, and the labels that it must have. */
export interface Wanted {
  readonly metric: RegExp
  readonly labels: readonly string[]
}

/** The series that the panels and the variables of the dashboard ask for. */
export function wanted(): Wanted[] {
  const found: Wanted[] = []
  for (const { targets } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      const by = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names]) => names!.split(', '))
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!)
      for (const [, name, within] of expr.matchAll(/(\breprise_\w+)?(?:\{([^}]*)\}|(?=\[))/g)) {
        const matchers = [...(within ?? '').matchAll(/(\w+)=~?"([^"]*)"/g)]
        const spelt = name ?? matchers.find(([, label]) => label === '__name__')?.[2]
        if (spelt === undefined) continue
        const asked = matchers.map(([, label]) => label!).filter((label) => label !== '__name__')
        found.push({ metric: new RegExp(`^${spelt}$`), labels: [...asked, ...by, ...shown] })
      }
    }
  }
  for (const { query } of dashboard.templating.list) {
    const [, name, label] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? []
    if (name !== undefined) found.push({ metric: new RegExp(`^${name}$`), labels: [label!] })
  }
  return found
}

/** The series of a scrape, each with its labels. */
export function seriesOf(scraped: string): { name: string; labels: string[] }[] {
  return [...scraped.matchAll(/^(reprise_\w+)(?:\{(.*)\})? \S+$/gm)].map(([, name, within]) => ({
    name: name!,
    labels: [...(within ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label!),
  }))
}
