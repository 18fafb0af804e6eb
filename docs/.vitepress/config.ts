import { defineConfig } from 'vitepress'
import { forModels } from './for-models.ts'
import { pages } from './pages.ts'

const title = 'Reprise'
const description = 'PostgreSQL sessions that outlive their connections'

export default defineConfig({
  title,
  description,
  lang: 'en',
  // Where the files are put: below a folder of a server, say DOCS_BASE=/reprise/.
  base: (process.env.DOCS_BASE ?? '/') as `/${string}/`,
  cleanUrls: false,
  srcExclude: ['README.md'],
  head: [
    [
      'link',
      { rel: 'icon', type: 'image/svg+xml', href: `${process.env.DOCS_BASE ?? '/'}mark.svg` },
    ],
  ],
  themeConfig: {
    logo: '/mark.svg',
    nav: [
      { text: 'Start', link: '/start/', activeMatch: '^/start/' },
      { text: '57P01', link: '/57P01' },
      { text: 'Proof', link: '/proof' },
      { text: 'Recipes', link: '/recipes/nestjs', activeMatch: '^/recipes/' },
      { text: 'Services', link: '/services/', activeMatch: '^/services/' },
    ],
    sidebar: pages.map(({ text, items }) => ({ text, items: [...items] })),
    outline: { level: [2, 3] },
    search: { provider: 'local' },
    footer: {
      message: 'MIT licensed',
      copyright: 'Our figures were measured, our examples are run by tests',
    },
  },
  markdown: {
    theme: { light: 'github-light', dark: 'github-dark' },
    config: ({ renderer }) => {
      const inline = renderer.rules.code_inline
      renderer.rules.code_inline = (tokens, at, ...more) => {
        // Names are not broken at their hyphens: `in-doubt`, `--counters`.
        if (/^\S{1,24}$/.test(tokens[at]?.content ?? '')) tokens[at]?.attrJoin('class', 'name')
        return inline?.(tokens, at, ...more) ?? ''
      }
    },
  },
  buildEnd: ({ outDir, srcDir }) => forModels({ title, description, srcDir, outDir }),
})
