import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'

/** Where a drill is watched: what a process has. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

/** Between two lines of progress where nothing can be written over, in seconds. */
const seldom = 5

/** Progress on one line that is written over; where that cannot be done, on a line now and then. */
export class Progress {
  readonly #out: NodeJS.WriteStream
  #times = 0
  #open = false

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  /** How it goes now. */
  show(line: string): void {
    if (this.#out.isTTY) {
      this.#out.write(`\r\u001b[2K${line}`)
      this.#open = true
    } else if (this.#times++ % seldom === 0) this.#out.write(`${line}\n`)
  }

  /** What comes next is written on a line of its own. */
  end(): void {
    if (this.#open) this.#out.write('\n')
    this.#open = false
  }
}

/**
 * Asks, and takes anything but a yes for a no; so does an interruption.
 * @returns undefined where nobody can be asked
 */
export async function confirmed(
  { stdin, stdout }: Terminal,
  question: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (!stdin.isTTY) return undefined
  const asking = createInterface({ input: stdin, output: stdout })
  // Ctrl-C and Ctrl-D close it, and whoever asked would wait for ever.
  const left = once(asking, 'close').then(() => '')
  try {
    const answer = asking.question(`${question} [y/N] `, { signal }).catch(() => '')
    return /^y(es)?$/i.test((await Promise.race([answer, left])).trim())
  } finally {
    asking.close()
  }
}
