import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Chromium by any of its names, if it is on this machine: Debian's package is `chromium`. */
const program = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
)

/** Whether there is one. */
export const hasBrowser: boolean = program !== undefined

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: unknown
  readonly result?: { readonly result?: { readonly value?: unknown } }
}

/** How a page is looked at. */
export interface View {
  readonly width: number
  readonly scheme: 'light' | 'dark'
}

/** What was seen of a page. */
export interface Sight {
  /** How much wider than the window it is, in pixels. */
  readonly overflow: number
  /** What the page paints its ground with. */
  readonly ground: string
  /** What the browser complained of. */
  readonly complaints: readonly string[]
}

/** Headless Chromium, over its own protocol. */
export class Browser {
  readonly #child: ChildProcess
  readonly #profile: string
  readonly #socket: WebSocket
  readonly #waiting: Map<number, (message: Message) => void> = new Map()
  readonly #complaints: string[] = []
  #loaded: (() => void) | undefined
  #asked = 0

  private constructor(child: ChildProcess, profile: string, socket: WebSocket) {
    this.#child = child
    this.#profile = profile
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#hear(JSON.parse(String(data))))
  }

  static async start(): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), 'reprise-chromium-'))
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0']
    const child = spawn(
      program as string,
      [...flags, `--user-data-dir=${profile}`, 'about:blank'],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    let said = ''
    for await (const text of child.stderr) {
      said += text
      if (/ws:\/\/\S+\s/.test(said)) break
    }
    const { port } = new URL(/ws:\/\/\S+/.exec(said)?.[0] as string)
    const tabs = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
      readonly type: string
      readonly webSocketDebuggerUrl: string
    }[]
    const tab = tabs.find(({ type }) => type === 'page')
    const socket = new WebSocket(tab?.webSocketDebuggerUrl as string)
    await once(socket as never, 'open')
    const browser = new Browser(child, profile, socket)
    for (const domain of ['Page', 'Log', 'Runtime']) await browser.#ask(`${domain}.enable`)
    return browser
  }

  /** Opens a file and looks at it. */
  async look(file: string, { width, scheme }: View): Promise<Sight> {
    this.#complaints.length = 0
    const size = { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 }
    await this.#ask('Emulation.setDeviceMetricsOverride', size)
    const features = [{ name: 'prefers-color-scheme', value: scheme }]
    await this.#ask('Emulation.setEmulatedMedia', { features })
    const loaded = new Promise<void>((resolve) => {
      this.#loaded = resolve
    })
    await this.#ask('Page.navigate', { url: `file://${file}` })
    await loaded
    return {
      overflow: Number(await this.#value('document.documentElement.scrollWidth - innerWidth')),
      ground: String(await this.#value('getComputedStyle(document.body).backgroundColor')),
      complaints: [...this.#complaints],
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
    this.#child.kill()
    await once(this.#child, 'exit')
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }

  async #value(expression: string): Promise<unknown> {
    const { result } = await this.#ask('Runtime.evaluate', { expression, returnByValue: true })
    return result?.result?.value
  }

  #ask(method: string, params: object = {}): Promise<Message> {
    const id = ++this.#asked
    this.#socket.send(JSON.stringify({ id, method, params }))
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  #hear(message: Message): void {
    const { id, method, params } = message
    if (id !== undefined) this.#waiting.get(id)?.(message)
    else if (method === 'Page.loadEventFired') this.#loaded?.()
    else if (/^(Log\.entryAdded|Runtime\.(exceptionThrown|consoleAPICalled))$/.test(method ?? '')) {
      this.#complaints.push(JSON.stringify(params))
    }
  }
}
