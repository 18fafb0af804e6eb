import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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
      copyFileSync(join(srcDir, file), to)
      return `- [${item.text}](${file}): ${summaryOf(readFileSync(to, 'utf8'))}`
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

/** The first sentence below the heading. */
function summaryOf(page: string): string {
  const [, paragraph = ''] = /^# .+\n+([^\n]+)/m.exec(page) ?? []
  return /^.*?\.(?=\s|$)/.exec(paragraph)?.[0] ?? paragraph
}
