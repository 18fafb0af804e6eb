import { AsyncLocalStorage } from 'node:async_hooks'
import { Injectable } from '@nestjs/common'

/** Which request is being served: the same before and after a lost connection. */
@Injectable()
export class RequestContext {
  readonly #requests = new AsyncLocalStorage<string>()

  get id(): string {
    return this.#requests.getStore() ?? 'none'
  }

  run(id: string, next: () => void): void {
    this.#requests.run(id, next)
  }
}
