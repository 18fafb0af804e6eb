interface Opening<T> {
  readonly opened: Promise<T>
  users: number
}

/**
 * Something costly that several need at the same time: opened for the first of them, shared by all, and
 * closed behind the last. Once it has failed anybody, who comes next opens another.
 */
export class SharedResource<T> {
  #current: Opening<T> | undefined

  /**
   * @param open is called when nobody has one open that is any good
   * @throws what `open` or `body` throws
   */
  async use<R>(
    open: () => Promise<T>,
    close: (opened: T) => void,
    body: (opened: T) => Promise<R>,
  ): Promise<R> {
    this.#current ??= { opened: open(), users: 0 }
    const current = this.#current
    current.users += 1
    try {
      return await body(await current.opened)
    } catch (error) {
      this.#forget(current)
      throw error
    } finally {
      current.users -= 1
      if (current.users === 0) {
        this.#forget(current)
        current.opened.then(close, () => undefined)
      }
    }
  }

  #forget(opening: Opening<T>): void {
    if (this.#current === opening) this.#current = undefined
  }
}
