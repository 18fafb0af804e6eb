import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

/**
 * Compiles every package, once, to CommonJS: Jest and older Node know nothing else, and what is
 * compiled once has one AsyncLocalStorage, one mark and one gate however it is loaded. Beside it goes
 * an ES module that names what the CommonJS one exports, as Node's lexer and bundlers must see it.
 */

const root = join(import.meta.dirname, '..')

/**
 * ORMs that are ES modules only. An ES module imports them before CommonJS requires them, which Node
 * refuses while they are being loaded; and declarations in CommonJS may not import their types.
 */
const modular: { readonly [folder: string]: readonly string[] } = {
  kysely: ['kysely'],
  'mikro-orm': ['@mikro-orm/core', '@mikro-orm/postgresql'],
}

execFileSync(join(root, 'node_modules/.bin/tsc'), ['--build'], { cwd: root, stdio: 'inherit' })
const folders = globSync('packages/*/dist', { cwd: root }).map((dist) => join(root, dist))
for (const dist of folders) writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n')
for (const dist of folders) wrap(dist)

function wrap(dist: string): void {
  const names = Object.keys(createRequire(dist)(join(dist, 'index.js'))).sort()
  const ahead = modular[basename(dirname(dist))]
  const lines = [
    ...(ahead ?? []).map((orm) => `import '${orm}'`),
    `export { ${names.join(', ')} } from './index.js'`,
  ]
  writeFileSync(join(dist, 'index.mjs'), `${lines.join('\n')}\n`)
  for (const file of globSync('**/*.d.ts', { cwd: dist })) {
    const text = readFileSync(join(dist, file), 'utf8')
    const linked = (extension: string): string =>
      text.replaceAll(/(?<=(?:from |import\()['"]\.[^'"]*)\.(?:ts|js)(?=['"])/g, extension)
    writeFileSync(join(dist, file), linked('.js'))
    if (ahead) writeFileSync(join(dist, file.replace(/\.d\.ts$/, '.d.mts')), linked('.mjs'))
  }
  if (!ahead) writeFileSync(join(dist, 'index.d.mts'), "export * from './index.js'\n")
}
