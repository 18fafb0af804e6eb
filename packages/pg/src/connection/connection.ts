import { clock, type TransactionStatus } from '@reprise/core'
import type { ClientConfig } from 'pg'
import { guardParser, requireSocket } from './guard.ts'
import { handshake } from './handshake.ts'
import type { Backend, Marked } from './incarnation.ts'
import { bytesMoved } from './progress.ts'
import { type ParameterStatus, type Reported, report, unreported } from './reported.ts'
import type { PgClient, PgClientClass, PgQuery, ReportMessage, Submittable } from './wire.ts'

/** How long after its last words a backend may take to close the socket, in milliseconds. */
const graceAfterLastWords = 1000

/** What is in flight on a connection. */
export interface InFlight {
  /** Whether it waits for the server: a cursor may be waiting for its caller instead. */
  readonly awaitsAnswer: boolean
  /** About how many bytes it sends. */
  readonly upload: number
  /** ReadyForQuery was seen; pg does not know yet. */
  ready(connection: Connection): void
  /** The connection ended. */
  lost(connection: Connection): void
  /** The server gave notice of something; answers whether that is for the application to hear. */
  noticed(notice: ReportMessage): boolean
}

/** What a connection tells the session it serves. */
export interface ConnectionOwner {
  /** The socket is gone. Whatever was in flight has been told before. */
  connectionEnded(connection: Connection): void
  /** A notice that no statement of the session's own brought about. */
  noticed?(notice: ReportMessage, connection: Connection): void
}

/**
 * One socket to one backend: a pg.Client with its listeners on from its construction, so that no
 * error of it is ever unhandled, and with the evidence that its frames leave.
 */
export class Connection {
  readonly client: PgClient
  /** By the last ReadyForQuery. */
  status: TransactionStatus = 'I'
  /** What is in flight. */
  active: InFlight | undefined
  /** Who is at the other end, by the server's own word, once it was asked; until that has come, its mark. */
  backend: Backend | undefined
  mark: Marked | undefined
  /** Which transactions were over when it was asked (pg_current_snapshot()); undefined where it was not. */
  snapshot: string | undefined
  /** Which forms of the witness are prepared by name here, so that they need not be parsed again. */
  readonly prepared = { id: false, timed: false }
  /** Whether the process id of the start-up is the backend's own: false behind a pooler. */
  direct = true
  /** Whether what it says of its session is true and allowed: not behind a pooler. */
  tells = true
  /** Whether the witness may be prepared by name. */
  preparing = true
  /** Whether the server may be asked who it is: not where it would not say. */
  identifying = true
  /** What the server reports of itself and of the session, as of now. */
  readonly reported: Reported = unreported()
  /** Whether the server said that it gave up waiting for a synchronous standby. */
  replicationGivenUp = false
  /** The first ErrorResponse that came while nothing was in flight. */
  lastWords: ReportMessage | undefined
  /** The first notice that announced the end. */
  lastNotice: ReportMessage | undefined
  /** Whether its loss was told of. */
  told = false
  /** Whether it was given up because its server had said nothing for the whole deadline. */
  unreachable = false
  /** How the socket ended, in Node's words. */
  socketError: Error | undefined
  /** The last ErrorResponse: the one way to tell a frame from an error pg made up. */
  errorFrame: ReportMessage | undefined
  /** pg's query_timeout, in milliseconds, taken over from the client; 0 for none. */
  readonly queryTimeout: number
  readonly #owner: ConnectionOwner
  readonly #queue: (PgQuery | Submittable)[]
  readonly #madeAt = clock.now()
  /** When the last answer was complete, by the clock of `performance.now()`. */
  idleSince: number = clock.now()
  #dying = false
  #ended = false
  #closed = false
  #asked = false
  #endedUnasked = false
  #greeted = false
  #grace: NodeJS.Timeout | undefined

  constructor(
    Base: PgClientClass,
    config: string | ClientConfig | undefined,
    owner: ConnectionOwner,
  ) {
    this.#owner = owner
    this.client = new Base(config)
    this.#queue = this.client._queryQueue ?? this.client.queryQueue
    const { connection: wire, connectionParameters: parameters } = this.client
    requireSocket(wire)
    this.queryTimeout = Number(parameters.query_timeout) || 0
    parameters.query_timeout = 0
    guardParser(wire, () => this.#greeted)
    wire.on('readyForQuery', (message: { status: TransactionStatus }) => {
      this.#greeted = true
      this.status = message.status
      this.active?.ready(this)
    })
    wire.on('errorMessage', (message: ReportMessage) => {
      this.errorFrame = message
      if (this.active === undefined) this.lastWords ??= message
    })
    wire.on('parameterStatus', (message: ParameterStatus) => report(this.reported, message))
    wire.on('end', () => {
      this.#closed = true
    })
    this.client.on('notice', (message: ReportMessage) => {
      if (message.code === '57P01' || message.code === '57P02') this.lastNotice ??= message
      if (message.routine === 'SyncRepWaitForLSN') this.replicationGivenUp = true
      if (this.active?.noticed(message) !== false) owner.noticed?.(message, this)
    })
    this.client.on('error', (error: Error) => {
      this.#dying = true
      if (error !== this.errorFrame) this.socketError ??= error
      wire.stream.destroy()
    })
    this.client.on('end', () => this.#end())
  }

  /** Whether a statement of ours is under way: a submittable may be waiting for its caller. */
  get awaitsAnswer(): boolean {
    return this.active?.awaitsAnswer === true
  }

  /** Bytes received so far. */
  get bytesRead(): number {
    return this.client.connection.stream.bytesRead ?? 0
  }

  /** Bytes received, and bytes that the kernel has taken: while either grows, it is alive. */
  get bytesMoved(): number {
    return bytesMoved(this.client.connection.stream)
  }

  /** Milliseconds since it was made. */
  get age(): number {
    return clock.now() - this.#madeAt
  }

  /** Whether it ended untold and with nothing in flight; what the server never let in was no connection. */
  get endedUnasked(): boolean {
    return this.#endedUnasked
  }

  /** Whether it was told to end. */
  get asked(): boolean {
    return this.#asked
  }

  /** Whether a statement may be sent. */
  get usable(): boolean {
    return !this.#dying && !this.#ended
  }

  /** Whether the socket is closed: an error without a code is then an end of file. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Whether the first thing that went wrong with the socket was a write: the kernel has not taken the
   * end of that one, nor anything that was to be written later.
   */
  get writeFailed(): boolean {
    return (this.socketError as NodeJS.ErrnoException | undefined)?.syscall === 'write'
  }

  /** How the socket ended, for the evidence. */
  get socketCode(): string | undefined {
    const code = (this.socketError as NodeJS.ErrnoException | undefined)?.code
    return code ?? (this.#closed || this.#ended ? 'EOF' : undefined)
  }

  /**
   * Connects and authenticates.
   * @throws the server's or the socket's error; the socket is gone by then
   */
  async open(signal: AbortSignal): Promise<void> {
    try {
      await handshake(this.client, signal)
    } catch (error) {
      this.destroy()
      throw error
    }
  }

  /** Sends a query on behalf of a work; the connection must be usable and idle. */
  run(work: InFlight, query: PgQuery | Submittable): void {
    this.active = work
    const { client } = this
    this.#queue.push(query)
    client._pulseQueryQueue()
  }

  /** Called when what was in flight has ended with ReadyForQuery, or was never sent. */
  idle(): void {
    this.active = undefined
    if (this.status === 'I') this.mark = undefined
    // Behind a pooler the next transaction may be another backend's.
    if (!this.direct && this.status === 'I') this.backend = undefined
    this.idleSince = clock.now()
    clock.clearTimeout(this.#grace)
    this.#grace = undefined
  }

  /**
   * The server said in mid-exchange that it is over. The socket follows at once; where the network
   * loses even that, it is given up.
   */
  expectEnd(): void {
    this.#grace ??= clock.setTimeout(() => this.destroy(), graceAfterLastWords)
  }

  /** Gives the socket up. The end is reported as always. */
  destroy(error?: Error): void {
    this.#dying = true
    this.#asked = true
    if (error !== undefined) this.socketError ??= error
    this.client.connection.stream.destroy()
  }

  /** Says goodbye. Resolves when the socket is closed. */
  end(): Promise<void> {
    this.#dying = true
    this.#asked = true
    return new Promise((resolve) => this.client.end(() => resolve()))
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    clock.clearTimeout(this.#grace)
    const active = this.active
    this.active = undefined
    this.#endedUnasked = this.#greeted && !this.#asked && active === undefined
    active?.lost(this)
    this.#owner.connectionEnded(this)
  }
}
