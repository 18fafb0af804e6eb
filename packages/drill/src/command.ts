import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type DrillOrder, help, orderOf } from './arguments.ts'
import { checkOf } from './check/check.ts'
import { listed } from './check/finding.ts'
import { readCounters, surfacedIn } from './counters.ts'
import { drill } from './drill.ts'
import { Misuse } from './misuse.ts'
import { page } from './picture/page.ts'
import { planOf } from './plan.ts'
import { Server } from './server.ts'
import { confirmed, Progress, type Terminal } from './terminal.ts'
import { progressLine, summary } from './words.ts'

/** What the process exits with. */
type ExitCode = 0 | 1 | 2

/**
 * The command line `drill`.
 *
 * @param signal ends a drill that is under way, which then says what it did
 * @returns 0 when nothing surfaced and all is well, 1 when something did or is not, 2 for misuse
 */
export async function command(
  argv: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ExitCode> {
  let server: Server | undefined
  try {
    const order = orderOf(argv, process.env)
    if (order.do === 'help') {
      terminal.stdout.write(`${help}\n`)
      return 0
    }
    server = new Server(order.url)
    await reached(server)
    if (order.do === 'drill') return await exercise(server, order, terminal, signal)
    const findings = await checkOf(server, order)
    terminal.stdout.write(`${listed(findings).join('\n')}\n`)
    return findings.some(({ verdict }) => verdict === 'bad') ? 1 : 0
  } catch (error) {
    if (!(error instanceof Misuse)) throw error
    terminal.stderr.write(`drill: ${error.message}\n`)
    return 2
  } finally {
    await server?.end()
  }
}

async function exercise(
  server: Server,
  order: DrillOrder,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { stdout } = terminal
  if (order.counters !== undefined) await answering(order.counters)
  stdout.write(`${(await planOf(server, order)).join('\n')}\n`)
  if (order.dryRun) {
    stdout.write('A dry run: nothing was touched.\n')
    return 0
  }
  if (!order.yes) {
    const yes = await confirmed(terminal, 'Go on?', signal)
    if (yes === undefined) {
      throw new Misuse(
        'nobody can be asked whether to go on: pass --yes, or --dry-run to see more.',
      )
    }
    if (!yes) {
      stdout.write('Nothing was touched.\n')
      return 0
    }
  }
  const progress = new Progress(stdout)
  const history = await drill(server, order, signal, (now) => {
    progress.show(progressLine(order, now))
  })
  progress.end()
  const report = resolve(order.report)
  await writeFile(report, page({ order, history, place: server.place }))
  const lines = [...summary(order, history), `The same as a picture: ${report}`]
  stdout.write(`${lines.join('\n')}\n`)
  if (history.refusal !== undefined) return 2
  return history.counted !== undefined && surfacedIn(history.counted) > 0 ? 1 : 0
}

async function reached(server: Server): Promise<void> {
  try {
    await server.client()
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown }
    const why = typeof message === 'string' && message !== '' ? message : String(code)
    throw new Misuse(`no connection to ${server.place}: ${why}.`)
  }
}

async function answering(url: string): Promise<void> {
  try {
    await readCounters(url)
  } catch (error) {
    if (error instanceof Misuse) throw error
    throw new Misuse(`nobody answers at --counters ${url}: start the application first.`)
  }
}
