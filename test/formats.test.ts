import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')

/** What a program of its own, run on what is published and not on the sources, prints. */
function run(type: 'module' | 'commonjs', program: string): unknown {
  const printed = execFileSync(process.execPath, [`--input-type=${type}`, '--eval', program], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  return JSON.parse(printed)
}

const doors = ['kysely', 'mikro-orm', 'prisma', 'typeorm'] as const

beforeAll(() => {
  execFileSync(process.execPath, ['packages/build.ts'], { cwd: root, stdio: 'inherit' })
})

test.each(['core', 'pg', 'opentelemetry', 'drill', ...doors])(
  'import and require of %s are one instance',
  (name) => {
    const same = run(
      'module',
      `import { createRequire } from 'node:module'
     import * as imported from '@reprise/${name}'
     const required = createRequire(process.cwd() + '/x.js')('@reprise/${name}')
     const names = new Set([...Object.keys(imported), ...Object.keys(required)])
     names.delete('default')
     names.delete('module.exports')
     console.log(JSON.stringify([...names].filter((name) => imported[name] !== required[name])))`,
    )
    expect(same).toEqual([])
  },
)

test('a mark, a unit and a gate made by require are known to import, through every door', () => {
  const known = run(
    'module',
    `import { createRequire } from 'node:module'
     import { currentUnit, Gate, isRerunnable } from '@reprise/core'
     const require = createRequire(process.cwd() + '/x.js')
     const doors = ${JSON.stringify(doors)}.map((name) => require('@reprise/' + name))
     const marks = doors.map(({ rerunnable }) => isRerunnable(rerunnable(async () => {})))
     const unit = require('@reprise/core').inUnit({ declared: true }, async () => currentUnit() !== undefined)
     const gate = new (require('@reprise/core').Gate)()
     console.log(JSON.stringify({
       marks,
       unit: await unit,
       gate: gate instanceof Gate,
     }))`,
  )
  expect(known).toEqual({ marks: doors.map(() => true), unit: true, gate: true })
})

// Node refuses require() of an ES module that is still being loaded.
test.each([
  ['before', `await Promise.all([import('@reprise/DOOR'), import('ORM')])`],
  ['after', `await Promise.all([import('ORM'), import('@reprise/DOOR')])`],
])('a door of an ORM that is ES modules only can be imported %s the ORM, at once', (_, program) => {
  for (const [door, orm] of [
    ['kysely', 'kysely'],
    ['mikro-orm', '@mikro-orm/core'],
    ['mikro-orm', '@mikro-orm/postgresql'],
  ] as const) {
    const text = program.replace('DOOR', door).replace('ORM', orm)
    expect(run('module', `${text}; console.log(true)`)).toBe(true)
  }
})

test.each(['core', 'pg', 'opentelemetry', 'drill', ...doors])('%s can be required', (name) => {
  expect(run('commonjs', `console.log(JSON.stringify(typeof require('@reprise/${name}')))`)).toBe(
    'object',
  )
})
