import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pages } from '../../docs/.vitepress/pages.ts'
import { type Served, serve } from '../docs/serve.ts'
import { root } from '../docs/snippets.ts'
import { Browser, findBrowser } from '../kit/index.ts'

let folder: string
let files: string[]

beforeAll(() => {
  folder = mkdtempSync(join(root, 'docs/.vitepress/cache-'))
  const vitepress = join(root, 'docs/node_modules/vitepress/bin/vitepress.js')
  execFileSync(process.execPath, [vitepress, 'build', 'docs', '--outDir', folder], {
    cwd: root,
    stdio: 'pipe',
  })
  files = globSync('**/*.html', { cwd: folder }).sort()
  // A busy machine is no reason to fail.
}, 300_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('every page is in the sidebar, once', () => {
  const links = pages.flatMap(({ items }) => items.map(({ link }) => link))
  const built = files
    .filter((file) => file !== '404.html' && file !== 'index.html')
    .map((file) => `/${file.replace(/(?:(?<=\/)index)?\.html$/, '')}`)
  expect(links.toSorted()).toEqual(built.toSorted())
})

test('llms.txt names every page of the sidebar, and its Markdown is there', () => {
  const text = readFileSync(join(folder, 'llms.txt'), 'utf8')
  const named = [...text.matchAll(/^- \[[^\]]+\]\(([^)]+)\)/gm)].map(([, file]) => String(file))
  expect(named).toHaveLength(pages.flatMap(({ items }) => items).length)
  for (const file of named) expect(readFileSync(join(folder, file), 'utf8')).toMatch(/^# /m)
})

test('no link, picture or anchor leads nowhere', () => {
  const broken = files.flatMap((file) =>
    targetsOf(file)
      .filter((target) => !isThere(target))
      .map((target) => `${file} → ${target}`),
  )
  expect(broken).toEqual([])
})

describe.skipIf(findBrowser() === undefined)(
  'in Chromium (skipped where there is none: apt-get install chromium)',
  () => {
    let browser: Browser
    let served: Served

    beforeAll(async () => {
      served = await serve(folder)
      browser = await Browser.start()
    })

    afterAll(async () => {
      await browser?.close()
      await served?.close()
    })

    test('no page is wider than a phone or has its console complain', {
      timeout: 180_000,
    }, async () => {
      const found: Record<string, unknown> = {}
      const page = await browser.open(`${served.url}/`, { width: 390 })
      for (const file of files.filter((name) => name !== '404.html')) {
        await page.go(`${served.url}/${file}`)
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
        const clipped = await page.evaluate<string[]>(clippedTables)
        if (wide > 390 || clipped.length > 0) found[file] = { wide, clipped }
      }
      expect(found).toEqual({})
      expect(page.complaints).toEqual([])
    })

    test('the search knows a code, offline', async () => {
      const page = await browser.open(`${served.url}/start/index.html`, { width: 1280 })
      await page.evaluate(`document.querySelector('.DocSearch-Button').click()`)
      const results = await page.evaluate<string[]>(`new Promise((resolve) => {
        const look = () => {
          const input = document.querySelector('#localsearch-input')
          if (input && input.value === '') {
            input.value = 'lambda'
            input.dispatchEvent(new Event('input', { bubbles: true }))
          }
          const links = [...document.querySelectorAll('.results a')].map((a) => a.pathname)
          return links.length > 0 ? resolve(links) : setTimeout(look, 20)
        }
        look()
      })`)
      expect(results).toContain('/recipes/lambda.html')
    })
  },
)

/** Where the links and pictures of a page lead, as paths in the folder of the site. */
function targetsOf(file: string): string[] {
  const text = readFileSync(join(folder, file), 'utf8')
  return [...text.matchAll(/ (?:href|src)="([^"]+)"/g)]
    .map(([, target]) => new URL(String(target), `http://site/${file}`))
    .filter(({ host }) => host === 'site')
    .map(({ pathname, hash }) => `${pathname.slice(1)}${decodeURIComponent(hash)}`)
}

/** Whether there is such a file, and in it such an anchor. */
function isThere(target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = join(folder, path === '' || path.endsWith('/') ? `${path}index.html` : path)
  if (!existsSync(file)) return false
  return anchor === undefined || readFileSync(file, 'utf8').includes(` id="${anchor}"`)
}

/** Tables and code that stick out of what is around them and cannot be scrolled. */
const clippedTables = `[...document.querySelectorAll('.vp-doc table, .vp-doc pre')].filter((element) => {
  const scrolls = getComputedStyle(element).overflowX === 'auto'
  return element.scrollWidth > element.clientWidth + 1 && !scrolls
}).map((element) => element.textContent.slice(0, 40))`
