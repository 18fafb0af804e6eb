import { AsyncLocalStorage } from 'node:async_hooks'
import { analyze, clock, isHeard } from '@reprise/core'
import type { ClientConfig } from 'pg'
import {
  configOf,
  type PgQuery,
  type QueryCallback,
  type QueryConfig,
  type Submittable,
} from '../connection/wire.ts'
import type { Exchange, Within } from '../exchange/exchange.ts'
import type { Shared } from '../exchange/shared.ts'
import type { Conversation } from './conversation.ts'
import { SubmittableRun } from './submittable-run.ts'
import type { Submittables } from './submittables.ts'
import { TimeLimit } from './time-limit.ts'
import { heed, processToKill, ready, textOf } from './work.ts'
import type { WorkQueue } from './work-queue.ts'
import { WrappedClient } from './wrapped-client.ts'

/** The asynchronous context of whoever asks now, for those who hear of a recovery. */
function context(): Within | undefined {
  return isHeard('reprise:recovery') ? AsyncLocalStorage.snapshot() : undefined
}

/** Takes in what the application asks of a client by query(), whatever its form, and queues it. */
export class Intake {
  readonly #shared: Shared
  readonly #config: string | ClientConfig | undefined
  readonly #conversation: Conversation
  readonly #submittables: Submittables
  readonly #queue: WorkQueue
  #wrapped: WrappedClient | undefined
  readonly #named = new Map<string, string>()
  readonly #queryTimeout: number
  /** The Promise of the caller's own that pg takes as an option, or the one there is. */
  readonly promise: PromiseConstructor

  /** @param config what the client was made with */
  constructor(
    shared: Shared,
    config: string | ClientConfig | undefined,
    conversation: Conversation,
    submittables: Submittables,
    queue: WorkQueue,
  ) {
    this.#shared = shared
    this.#config = config
    this.#conversation = conversation
    this.#submittables = submittables
    this.#queue = queue
    this.promise = (config as { Promise?: PromiseConstructor } | undefined)?.Promise ?? Promise
    this.#queryTimeout = conversation.link.connection.queryTimeout
  }

  /** As query() of pg.Client: answers a promise unless there is a callback, or what drives the wire. */
  query(
    config: string | QueryConfig | Submittable,
    values: unknown,
    callback: QueryCallback | undefined,
  ): unknown {
    if (config === null || config === undefined) {
      throw new TypeError('Client was passed a null or undefined query')
    }
    const wrapper = this.#shared.wrapper()
    if (wrapper !== undefined) {
      this.#wrapped ??= this.#receive()
      // Wrappers look at the number of arguments.
      const asked = [config, values, callback]
      while (asked.length > 1 && asked.at(-1) === undefined) asked.pop()
      return this.#wrapped.ask(wrapper, asked)
    }
    if (typeof (config as Submittable).submit === 'function') {
      return this.#carry(config as Submittable, values, callback)
    }
    const exchange = new this.#shared.Exchange(
      config as string | QueryConfig,
      values as unknown[],
      callback,
    )
    let result: Promise<unknown> | undefined
    if (exchange.callback === undefined || exchange.callback === null) {
      result = new this.promise((resolve, reject) => {
        exchange.callback = (error, answer) => (error ? reject(error) : resolve(answer))
      }).catch((error) => {
        // The stack of a socket event says nothing; this one leads back to the caller.
        Error.captureStackTrace(error)
        throw error
      })
    } else if (typeof exchange.callback !== 'function') {
      throw new TypeError('callback is not a function')
    }
    this.#ask(exchange, (config as QueryConfig).query_timeout)
    return result
  }

  #ask(exchange: Exchange, timeout: number | undefined): void {
    const after = timeout ?? this.#queryTimeout
    if (after > 0) heed(this.#limit(exchange, after), exchange)
    exchange.within = context()
    const once = this.#queue.free && this.#conversation.isFinal
    const failure = ready(exchange, this.#shared, this.#named, once)
    this.#shared.abandon(processToKill(exchange))
    if (failure === undefined) this.#queue.add(exchange)
    else clock.nextTick(() => exchange.deliver(failure))
  }

  #limit(work: Exchange | SubmittableRun, timeout: number): TimeLimit {
    const { inquiry } = this.#conversation
    return new TimeLimit(
      timeout,
      () => inquiry.asked,
      () => this.#expire(work),
    )
  }

  /** Where wrappers of pg's query() hand on what they were asked. */
  #receive(): WrappedClient {
    const wrapped: WrappedClient = new WrappedClient(
      this.#shared.Base,
      this.#config,
      () => this.#conversation.link.connection.client,
      (query, timeout) => {
        const made = query as PgQuery
        if (wrapped.isGiven(query) || typeof made.requiresPreparation !== 'function') {
          this.#carry(query as Submittable, undefined, undefined)
          return
        }
        const exchange = new this.#shared.Exchange(configOf(made))
        exchange.callback = made.callback
        this.#ask(exchange, timeout)
      },
    )
    return wrapped
  }

  #carry(
    submittable: Submittable,
    values: unknown,
    callback: QueryCallback | undefined,
  ): Submittable {
    const told = values ?? callback
    if (!submittable.callback && typeof told === 'function') submittable.callback = told
    const run = new SubmittableRun(submittable, analyze(textOf(submittable)), this.#submittables)
    run.within = context()
    const after = this.#timeoutOf(submittable)
    if (after > 0) run.limit = this.#limit(run, after)
    this.#queue.add(run)
    return submittable
  }

  #timeoutOf(config: unknown): number {
    return (config as QueryConfig).query_timeout ?? this.#queryTimeout
  }

  #expire(work: Exchange | SubmittableRun): void {
    if (this.#queue.active === work) this.#conversation.halt('timeout')
    else this.#queue.expire(work)
  }
}
