import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

const capacity = 500

/** The last lines that a server wrote. */
export class Log {
  readonly #lines: string[] = []
  readonly #listener: ((line: string) => void) | undefined

  constructor(listener?: (line: string) => void) {
    this.#listener = listener
  }

  /** Takes in everything that a process writes to a stream. */
  read(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => {
      this.#lines.push(line)
      if (this.#lines.length > capacity) this.#lines.shift()
      this.#listener?.(line)
    })
  }

  /** The last lines, oldest first. */
  tail(): string[] {
    return [...this.#lines]
  }
}
