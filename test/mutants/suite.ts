import { expect, inject, type ProvidedContext, vi } from 'vitest'

/*
 * What test files get for 'vitest' while mutants are tried: the same words, but tests that can be run
 * again and again, in one process.
 */

export type { ProvidedContext }
export { expect, inject, vi }

/** A test's function, or a hook's. */
export type Body = (...values: never[]) => unknown

/** A test of a suite. */
export interface Test {
  /** Unlike that of any other test. */
  readonly name: string
  readonly body: Body
  readonly before: readonly Body[]
  readonly after: readonly Body[]
}

/** What one test file brings. */
export interface Suite {
  readonly file: string
  readonly tests: Test[]
  readonly first: Body[]
  readonly last: Body[]
  /** What has come of its first hooks: why they failed, if they did. */
  opened?: Promise<string | undefined>
}

let suite: Suite = { file: '', tests: [], first: [], last: [] }
let before: Body[] = []
let after: Body[] = []
let path: string[] = []

/** Whatever is registered from now on belongs to this file. */
export function begin(file: string): Suite {
  suite = { file, tests: [], first: [], last: [] }
  before = []
  after = []
  path = []
  return suite
}

type Register = (name: string | Body, ...rest: unknown[]) => void

function withEach(register: Register) {
  const each = (spread: boolean) => (rows: readonly unknown[]) => {
    return (name: string, ...rest: unknown[]): void => {
      for (const [i, row] of rows.entries()) {
        const values = spread && Array.isArray(row) ? row : [row]
        register(`${name} ${i}`, (() => bodyIn(rest)(...(values as never[]))) as Body)
      }
    }
  }
  const never: Register = () => undefined
  return Object.assign(register.bind(undefined), {
    each: each(true),
    for: each(false),
    skip: never,
    runIf: (condition: unknown) => (condition ? register : never),
    skipIf: (condition: unknown) => (condition ? never : register),
  })
}

function bodyIn(values: readonly unknown[]): Body {
  return values.find((value) => typeof value === 'function') as Body
}

export const describe = withEach((name, ...rest) => {
  const outside = { before, after, path }
  before = [...before]
  after = [...after]
  path = [...path, String(name)]
  bodyIn(rest)()
  before = outside.before
  after = outside.after
  path = outside.path
})

function register(title: string | Body, ...rest: unknown[]): void {
  const words = [suite.file, ...path, String(title)].join(' > ')
  const twins = suite.tests.filter(({ name }) => name.split(' #')[0] === words).length
  suite.tests.push({
    name: twins === 0 ? words : `${words} #${twins}`,
    body: bodyIn(rest),
    before,
    after,
  })
}

export const it = withEach(register)
export const test = withEach(register)

export function beforeEach(body: Body): void {
  before.push(body)
}

export function afterEach(body: Body): void {
  after.unshift(body)
}

export function beforeAll(body: Body): void {
  suite.first.push(body)
}

export function afterAll(body: Body): void {
  suite.last.unshift(body)
}

export function expectTypeOf(): unknown {
  const any: unknown = new Proxy(() => any, { get: () => any })
  return any
}
