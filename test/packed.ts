import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pack } from './pack.ts'

/** Packs every package as it would be published and looks at what users would get. */

const root = join(import.meta.dirname, '..')
const box = mkdtempSync(join(tmpdir(), 'reprise-packed-'))
let faults = 0

try {
  for (const path of globSync('packages/*/package.json', { cwd: root })) inspect(join(root, path))
} finally {
  rmSync(box, { recursive: true })
}
process.exitCode = faults === 0 ? 0 : 1

function inspect(manifest: string): void {
  const { name } = JSON.parse(readFileSync(manifest, 'utf8'))
  const tarball = pack(dirname(manifest), box)
  const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).split('\n')
  const packed = execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], {
    encoding: 'utf8',
  })
  const before = faults
  const need = (truth: boolean, fault: string): void => {
    if (truth) return
    faults++
    console.error(`✗ ${name} ${fault}`)
  }
  for (const file of ['LICENSE', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']) {
    need(files.includes(`package/${file}`), `has no ${file}`)
  }
  for (const [, module] of files.join('\n').matchAll(/^package\/dist\/(.+)\.js$/gm)) {
    need(
      files.includes(`package/src/${module}.ts`),
      `has dist/${module}.js of a source that is gone: remove dist and build again`,
    )
  }
  need(!files.some((file) => file.endsWith('.tsbuildinfo')), 'has *.tsbuildinfo')
  need(!packed.includes('@reprise/source'), 'would make its users run its sources')
  need(!/"(?:workspace|catalog):/.test(packed), 'has a range that only this repository knows')
  need(passes('publint', 'run', tarball, '--strict'), 'does not pass publint')
  need(
    passes('attw', tarball, '--profile', 'esm-only', '--no-definitely-typed'),
    'does not pass attw',
  )
  if (faults === before) console.log(`✓ ${name}: ${files.length} files, publint and attw agree`)
}

/** Says nothing unless the tool objects. */
function passes(tool: string, ...args: string[]): boolean {
  const { status, stdout, stderr } = spawnSync(tool, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) console.error(stdout, stderr)
  return status === 0
}
