import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** The n-th block of TypeScript in a README. */
export async function exampleOf(readme: string, at = 0): Promise<string> {
  const page = await readFile(readme, 'utf8')
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => String(code))
  const code = blocks[at]
  if (code === undefined) throw new Error(`${readme} has no example ${at}`)
  return code
}

/**
 * Runs an example as it stands, in a Node of its own.
 *
 * @param beside a file next to which it is put, so that it finds the packages that this file finds
 * @returns what it printed
 */
export async function runExample(
  code: string,
  beside: string,
  env: Record<string, string>,
): Promise<string> {
  const file = join(dirname(beside), `readme-example-${process.pid}.ts`)
  await writeFile(file, code)
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=@reprise/source', file],
      { env: { ...process.env, NO_COLOR: '1', ...env } },
    )
    return stdout
  } finally {
    await rm(file, { force: true })
  }
}
