import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const names = ['chromium', 'chromium-browser', 'google-chrome']

/** The command of a Chromium on this machine (Debian's package `chromium`), if there is one. */
export function findBrowser(): string | undefined {
  return names.find((name) => spawnSync(name, ['--version']).status === 0)
}

/** How a page is looked at. */
export interface Look {
  readonly width: number
  readonly height?: number
  readonly dark?: boolean
}

type Answer = { readonly result?: unknown; readonly error?: { readonly message: string } }

/** A headless Chromium, spoken to by the DevTools protocol. */
export class Browser {
  readonly #child: ChildProcess
  readonly #profile: string
  readonly #socket: WebSocket
  readonly #waiting: Map<number, (answer: Answer) => void> = new Map()
  readonly #complaints: Map<string, string[]> = new Map()
  #asked = 0

  private constructor(child: ChildProcess, profile: string, socket: WebSocket) {
    this.#child = child
    this.#profile = profile
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#hear(JSON.parse(String(data))))
  }

  /** Starts one. */
  static async start(): Promise<Browser> {
    const command = findBrowser()
    if (command === undefined) throw new Error('There is no Chromium: apt-get install chromium.')
    const profile = await mkdtemp(join(tmpdir(), 'reprise-browser-'))
    const child = spawn(
      command,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--hide-scrollbars',
        '--remote-debugging-port=0',
        `--user-data-dir=${profile}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const address = await new Promise<string>((resolve, reject) => {
      let said = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text
        const [, found] = /listening on (ws:\S+)/.exec(said) ?? []
        if (found !== undefined) resolve(found)
      })
      child.once('error', reject)
      child.once('exit', () => reject(new Error(`Chromium did not start: ${said}`)))
    })
    const socket = new WebSocket(address)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    return new Browser(child, profile, socket)
  }

  /** Opens a page and waits until it is loaded. */
  async open(url: string, { width, height = 900, dark = false }: Look): Promise<BrowserPage> {
    const { targetId } = await this.ask<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    })
    const { sessionId } = await this.ask<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    })
    const complaints: string[] = []
    this.#complaints.set(sessionId, complaints)
    const page = new BrowserPage(this, sessionId, targetId, complaints)
    for (const domain of ['Page', 'Runtime', 'Log']) await page.ask(`${domain}.enable`)
    await page.ask('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 600,
    })
    await page.ask('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
    })
    await page.go(url)
    return page
  }

  /** Ends it. */
  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#socket.close()
    this.#child.kill('SIGKILL')
    await gone
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }

  /** Gives a command of the DevTools protocol. */
  ask<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const id = ++this.#asked
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#waiting.set(id, ({ result, error }) => {
      if (error === undefined) resolve(result as T)
      else reject(new Error(`${method}: ${error.message}`))
    })
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }))
    return promise
  }

  #hear(message: Answer & Heard): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message)
      this.#waiting.delete(message.id)
      return
    }
    const complaint = complaintOf(message)
    if (complaint !== undefined) this.#complaints.get(message.sessionId ?? '')?.push(complaint)
  }
}

interface Heard {
  readonly id?: number
  readonly sessionId?: string
  readonly method?: string
  readonly params?: {
    readonly type?: string
    readonly entry?: { readonly level: string; readonly text: string; readonly url?: string }
    readonly exceptionDetails?: { readonly text: string }
    readonly args?: readonly { readonly value?: unknown }[]
  }
}

function complaintOf({ method, params }: Heard): string | undefined {
  if (method === 'Runtime.exceptionThrown') return params?.exceptionDetails?.text
  if (method === 'Runtime.consoleAPICalled' && params?.type === 'error') {
    return params.args?.map(({ value }) => value).join(' ')
  }
  const entry = method === 'Log.entryAdded' ? params?.entry : undefined
  return entry?.level === 'error' ? `${entry.text} ${entry.url ?? ''}` : undefined
}

/** A page in a {@link Browser}. */
export class BrowserPage {
  /** What its console called an error. */
  readonly complaints: readonly string[]
  readonly #browser: Browser
  readonly #session: string
  readonly #target: string

  constructor(browser: Browser, session: string, target: string, complaints: readonly string[]) {
    this.#browser = browser
    this.#session = session
    this.#target = target
    this.complaints = complaints
  }

  /** Gives a command of the DevTools protocol to this page. */
  ask<T>(method: string, params: object = {}): Promise<T> {
    return this.#browser.ask<T>(method, params, this.#session)
  }

  /** Goes to another address, and waits until that is loaded. */
  async go(url: string): Promise<void> {
    await this.ask('Page.navigate', { url })
    const loaded = `new Promise((resolve) => {
      const look = () => location.href !== 'about:blank' && document.readyState === 'complete'
        ? requestAnimationFrame(() => requestAnimationFrame(() => resolve(true)))
        : setTimeout(look, 20)
      look()
    })`
    await this.evaluate(loaded).catch(() => this.evaluate(loaded))
  }

  /** The value of an expression in the page; promises are waited for. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.ask<{
      result: { value: T }
      exceptionDetails?: { text: string }
    }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text)
    return result.value
  }

  /** A picture of all of it, as PNG. */
  async picture(): Promise<Buffer> {
    const { data } = await this.ask<{ data: string }>('Page.captureScreenshot', {
      captureBeyondViewport: true,
      format: 'png',
    })
    return Buffer.from(data, 'base64')
  }

  async close(): Promise<void> {
    await this.#browser.ask('Target.closeTarget', { targetId: this.#target })
  }
}
