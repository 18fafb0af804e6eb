import { type Action, type Frame, Proxy as WireProxy } from '../../../../test/kit/index.ts'
import { type RepriseOptions, reprise, repriseAdapter } from '../../src/index.ts'
import { type Client, generated, type Shop } from './shop.ts'

/** What happens at a chosen frame, before it is delivered. */
export type Fault = (frame: Frame, shop: Shop) => Promise<Action> | Action

/** A client whose one connection goes through a proxy, so that faults happen at a chosen frame. */
export class Proxied {
  readonly client: Client
  readonly proxy: WireProxy
  readonly #shop: Shop

  private constructor(shop: Shop, proxy: WireProxy, client: Client) {
    this.#shop = shop
    this.proxy = proxy
    this.client = client
  }

  static async open(shop: Shop, options: RepriseOptions = {}, max = 1): Promise<Proxied> {
    const { PrismaClient } = await generated()
    const { hostname, port } = new URL(shop.url)
    const proxy = await WireProxy.start({ host: hostname, port: Number(port) })
    const adapter = repriseAdapter({ connectionString: proxy.url(shop.url), max }, options)
    return new Proxied(shop, proxy, new PrismaClient({ adapter }).$extends(reprise()))
  }

  /**
   * Does some work with one fault at one of the frames that `chosen` picks: the one with this number,
   * from 0.
   *
   * @returns how many such frames there were
   */
  async run(
    work: (client: Client) => Promise<unknown>,
    chosen: (frame: Frame) => boolean,
    at: number,
    fault: Fault,
  ): Promise<{ readonly frames: number; readonly answer?: unknown; readonly error?: unknown }> {
    await this.client.$queryRawUnsafe('select 1')
    let frames = 0
    let done = false
    const forget = this.proxy.onFrame((frame) => {
      if (!chosen(frame) || done) return 'pass'
      if (frames++ !== at) return 'pass'
      done = true
      return fault(frame, this.#shop)
    })
    try {
      return { answer: await work(this.client), frames }
    } catch (error) {
      return { error, frames }
    } finally {
      forget()
    }
  }

  async close(): Promise<void> {
    await this.client.$disconnect()
    await this.proxy.close()
  }
}

/** Each place at which a statement begins to be sent, and at which its last frame is. */
export function ofStatement({ from, type }: Frame): boolean {
  return from === 'client' && (type === 'Q' || type === 'P' || type === 'S')
}

/** A COMMIT, by either protocol. */
export function isCommit({ from, type, text }: Frame): boolean {
  return from === 'client' && (type === 'Q' || type === 'P') && text === 'COMMIT'
}
