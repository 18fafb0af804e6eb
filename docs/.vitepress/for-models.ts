import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pages } from './pages.ts'

interface Site {
  readonly title: string
  readonly description: string
  /** Where the pages are written. */
  readonly srcDir: string
  /** Where the site was built. */
  readonly outDir: string
}

/** Writes `llms.txt`, the list of all pages, and puts each page's Markdown beside its HTML. */
export function forModels({ title, description, srcDir, outDir }: Site): void {
  const lines = pages.flatMap(({ text, items }) => [
    `## ${text}`,
    '',
    ...items.map((item) => {
      const file = fileOf(item.link)
      const to = join(outDir, file)
      mkdirSync(dirname(to), { recursive: true })
      const page = whole(join(srcDir, file))
      writeFileSync(to, page)
      return `- [${item.text}](${file}): ${summaryOf(page)}`
    }),
    '',
  ])
  writeFileSync(
    join(outDir, 'llms.txt'),
    [`# ${title}`, '', `> ${description}`, '', ...lines].join('\n'),
  )
}

function fileOf(link: string): string {
  return `${link.endsWith('/') ? `${link}index` : link}.md`.slice(1)
}

/** A page with those that it includes. */
function whole(file: string): string {
  return readFileSync(file, 'utf8').replace(/<!--@include: (\S+)-->/g, (_, path: string) =>
    readFileSync(join(dirname(file), path), 'utf8'),
  )
}

/** The first sentence below the heading. */
function summaryOf(page: string): string {
  const [, paragraph = ''] = /^# .+\n+([^\n]+)/m.exec(page) ?? []
  return /^.*?\.(?=\s|$)/.exec(paragraph)?.[0] ?? paragraph
}
