import type { Socket } from 'node:net'
import type { Action, Side } from './frame.ts'
import { FrameReader, type RawFrame } from './frame-reader.ts'

/** Who decides about the frames of a lane, and does what concerns both directions. */
export interface Traffic {
  judge(from: Side, frame: RawFrame): Action | Promise<Action>
  delivered(from: Side, frame: RawFrame): void
  act(action: 'cut' | 'reset' | 'freeze' | 'swallow'): void
  lost(from: Side): void
}

interface Item {
  readonly frame: RawFrame
  /** Set where it has been judged but may not move yet. */
  action?: Action
}

/** One direction of a proxied connection: frames in order, from one socket to the other. */
export class Lane {
  readonly reader: FrameReader
  /** Nothing is taken from the queue, because of a hold or a freeze. */
  held = false
  frozen = false
  /** Frames are seen but no longer delivered. */
  swallowing = false
  readonly #from: Side
  readonly #source: Socket
  readonly #sink: Socket
  readonly #traffic: Traffic
  #queue: (Item | 'end' | 'gone')[] = []
  #out: Buffer[] = []
  #running = false
  #closed = false

  constructor(from: Side, source: Socket, sink: Socket, traffic: Traffic, latency = 0) {
    this.#from = from
    this.#source = source
    this.#sink = sink
    this.#traffic = traffic
    this.reader = new FrameReader(from)
    // Timers of one length fire in the order in which they were set.
    const later = (work: () => void): unknown => (latency > 0 ? setTimeout(work, latency) : work())
    source.on('data', (chunk: Buffer) =>
      later(() => {
        if (this.#closed) return
        for (const frame of this.reader.read(chunk)) this.#queue.push({ frame })
        void this.run()
      }),
    )
    source.on('end', () => later(() => this.#arrive('end')))
    source.on('error', () => later(() => this.#arrive('gone')))
  }

  /** From now on whatever comes is thrown away. What was delivered before still arrives. */
  close(): void {
    this.#closed = true
    this.#queue = []
    this.flush()
  }

  /** Hands what is to be delivered to the socket. */
  flush(): void {
    if (this.#out.length === 0) return
    const bytes = this.#out.length === 1 ? (this.#out[0] as Buffer) : Buffer.concat(this.#out)
    this.#out = []
    if (this.#sink.destroyed || this.#sink.writableEnded) return
    if (!this.#sink.write(bytes)) {
      this.#source.pause()
      this.#sink.once('drain', () => this.frozen || this.#source.resume())
    }
  }

  /** Moves what may move. */
  async run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    while (!this.held && !this.frozen && !this.#closed) {
      const item = this.#queue.shift()
      if (item === undefined) break
      if (item === 'end') this.#end()
      else if (item === 'gone') this.#traffic.lost(this.#from)
      else {
        const moving = this.#move(item)
        if (moving) await moving
      }
    }
    this.flush()
    this.#running = false
  }

  #arrive(item: 'end' | 'gone'): void {
    this.#queue.push(item)
    void this.run()
  }

  #end(): void {
    this.flush()
    if (this.swallowing) this.#traffic.lost(this.#from)
    else this.#sink.end()
  }

  #move(item: Item): Promise<void> | undefined {
    const verdict = item.action ?? this.#traffic.judge(this.#from, item.frame)
    if (typeof verdict === 'string') {
      this.#apply(verdict, item)
      return undefined
    }
    this.flush()
    return verdict.then((action) => this.#apply(action, item))
  }

  #apply(action: Action, item: Item): void {
    if (this.#closed) return
    if (this.swallowing) this.#swallow(item.frame)
    else if (this.frozen || this.held) this.#keep(item, action)
    else this.#act(action, item)
  }

  #act(action: Action, item: Item): void {
    if (action === 'hold') this.held = true
    if (action === 'hold' || action === 'freeze') this.#keep(item, 'pass')
    const passes = action.startsWith('pass') || (action === 'swallow' && this.#from === 'client')
    if (passes) this.#deliver(item.frame)
    if (action === 'pass-then-cut') this.#traffic.act('cut')
    else if (action === 'pass-then-reset') this.#traffic.act('reset')
    else if (action !== 'pass' && action !== 'drop' && action !== 'hold') this.#traffic.act(action)
    if (this.swallowing) this.#swallow(item.frame)
  }

  #deliver(frame: RawFrame): void {
    this.#traffic.delivered(this.#from, frame)
    this.#out.push(frame.bytes)
  }

  #keep(item: Item, action: Action): void {
    this.#queue.unshift({ frame: item.frame, action })
  }

  #swallow(frame: RawFrame): void {
    if (frame.type === 'Z') this.#traffic.lost(this.#from)
  }
}
