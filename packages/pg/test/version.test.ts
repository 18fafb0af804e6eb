import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireVersion } from '@reprise/pg'
import { afterAll, describe, expect, test } from 'vitest'

const box = mkdtempSync(join(tmpdir(), 'reprise-version-'))
afterAll(() => rmSync(box, { recursive: true }))

/** What is said where this version of a package lies above a module. */
function judge(version: string | undefined, range: string): () => void {
  const project = mkdtempSync(join(box, 'project-'))
  if (version !== undefined) {
    const folder = join(project, 'node_modules', '@some/orm')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: '@some/orm', version }))
  }
  const from = join(project, 'deep', 'door.js')
  const wanted = { name: '@some/orm', title: 'SomeORM', range, door: '@reprise/some', from }
  return () => requireVersion(wanted)
}

describe('a version that peerDependencies leave out is refused with a sentence', () => {
  test.each([
    ['0.26.3', '^0.27.0 || ^0.28.0'],
    ['0.29.0', '^0.27.0 || ^0.28.0'],
    ['1.0.0', '^0.27.0 || ^0.28.0'],
    ['0.3.19', '^0.3.20 || ^1.0.0'],
    ['0.4.0', '^0.3.20 || ^1.0.0'],
    ['2.0.0', '^0.3.20 || ^1.0.0'],
    ['7.0.15', '^6.6.0 || ^7.0.16'],
    ['7.0.0-rc.0', '^6.6.0 || ^7.0.16'],
    ['6.5.9', '^6.6.0 || ^7.0.16'],
    ['8.0.0', '^6.6.0 || ^7.0.16'],
  ])('%s of %s', (version, range) => {
    expect(judge(version, range)).toThrow(TypeError)
    expect(judge(version, range)).toThrow(
      `This is SomeORM ${version}, and @reprise/some works with SomeORM ${range}`,
    )
  })
})

describe('a version that they allow is taken', () => {
  test.each([
    ['0.27.0', '^0.27.0 || ^0.28.0'],
    ['0.28.19', '^0.27.0 || ^0.28.0'],
    ['0.3.20', '^0.3.20 || ^1.0.0'],
    ['1.1.1-nightly.20260911', '^0.3.20 || ^1.0.0'],
    ['6.6.16', '^6.6.0 || ^7.0.16'],
    ['7.0.16', '^6.6.0 || ^7.0.16'],
    ['7.2.0', '^6.6.0 || ^7.0.16'],
  ])('%s of %s', (version, range) => {
    expect(judge(version, range)).not.toThrow()
  })
})

test('where no version can be found, as in a bundle, nothing is said', () => {
  expect(judge(undefined, '^1.0.0')).not.toThrow()
  const from = ''
  const wanted = { name: 'orm', title: 'ORM', range: '^1.0.0', door: 'door', from }
  expect(() => requireVersion(wanted)).not.toThrow()
})

describe('in a bundle, what a package says of its own version', () => {
  const wanted = { name: 'orm', title: 'ORM', range: '^1.0.0', door: 'door', from: '' }
  test.each(['0.9.0', '2.0.0-rc.1'])('counts: %s is refused', (says) => {
    expect(() => requireVersion({ ...wanted, says })).toThrow(`This is ORM ${says}`)
  })
  test.each(['1.4.0', 'N/A', '', undefined])('is taken, or is none: %s', (says) => {
    expect(() => requireVersion({ ...wanted, says })).not.toThrow()
  })
})
