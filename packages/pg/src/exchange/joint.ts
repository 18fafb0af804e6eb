/**
 * Something costly that several need at the same time: opened for the first of them, shared by all, and
 * closed behind the last.
 */
export class Joint<T> {
  #opening: Promise<T> | undefined
  #users = 0

  /**
   * @param open is called when nobody has it open
   * @throws what `open` or `body` throws
   */
  async use<R>(
    open: () => Promise<T>,
    close: (opened: T) => void,
    body: (opened: T) => Promise<R>,
  ): Promise<R> {
    this.#users += 1
    this.#opening ??= open()
    const opening = this.#opening
    try {
      return await body(await opening)
    } finally {
      this.#users -= 1
      if (this.#users === 0) {
        this.#opening = undefined
        opening.then(close, () => undefined)
      }
    }
  }
}
