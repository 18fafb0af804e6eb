/** Markup that is safe to be put into a page as it is. */
export class Markup {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }
}

type Hole = Markup | string | number | undefined | readonly Markup[]

/** A template of markup: texts and numbers put into it are escaped, {@link Markup} is not. */
export function markup(texts: TemplateStringsArray, ...holes: readonly Hole[]): Markup {
  return new Markup(String.raw({ raw: texts }, ...holes.map(filling)))
}

function filling(hole: Hole): string {
  if (hole === undefined) return ''
  if (hole instanceof Markup) return hole.source
  if (Array.isArray(hole)) return hole.map((one) => one.source).join('')
  return String(hole).replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)
}
