import { join } from 'node:path'
import { vi } from 'vitest'
import type { Body, Suite, Test } from './suite.ts'

const root = join(import.meta.dirname, '../..')
// Tests may replace them.
const { setTimeout, clearTimeout } = globalThis

/** Registers the tests of a file, with the sources as they are now. */
export async function load(file: string): Promise<Suite> {
  // Anew each time: vi.resetModules() takes it, too.
  const { begin } = await import('./suite.ts')
  const suite = begin(file)
  await import(/* @vite-ignore */ join(root, file))
  return suite
}

/** Runs a test, with what belongs before and after it. @returns why it failed, if it did */
export async function failureOf(test: Test, limit: number): Promise<string | undefined> {
  const failures = [
    await failing(limit, [...test.before, test.body]),
    await failing(limit, test.after),
  ]
  const failure = failures.find((why) => why !== undefined)
  if (failure !== undefined) {
    vi.useRealTimers()
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
  }
  return failure
}

/** Runs what comes before all tests of a suite, once. @returns why it failed, if it did */
export function open(suite: Suite): Promise<string | undefined> {
  suite.opened ??= around(suite.first)
  return suite.opened
}

/** Runs what belongs around all tests of a file. */
export async function around(bodies: readonly Body[]): Promise<string | undefined> {
  return failing(120_000, bodies)
}

async function failing(limit: number, bodies: readonly Body[]): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it took too long')), limit)
  })
  try {
    await Promise.race([late, inOrder(bodies)])
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 300) : String(error)
  } finally {
    clearTimeout(timer)
  }
}

async function inOrder(bodies: readonly Body[]): Promise<void> {
  for (const body of bodies) await body()
}
