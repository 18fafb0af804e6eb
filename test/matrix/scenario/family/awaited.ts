/** Who waits for which job to be done. */
export class Awaited {
  readonly #waiting: Map<string, () => void> = new Map()

  /** Resolves when the job of a token was done. */
  expect(token: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(token, resolve))
  }

  /** Says that it was. */
  done(token: string): void {
    this.#waiting.get(token)?.()
    this.#waiting.delete(token)
  }
}
