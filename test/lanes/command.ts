import { UsageError } from './arguments.ts'

/**
 * Runs a command that answers its exit code. An interrupt aborts the signal, so that the command cleans up behind
 * itself; a second one ends it there and then. A mistake at the keyboard is one sentence and exit code 2.
 */
export async function command(
  main: (argv: readonly string[], signal: AbortSignal) => Promise<number>,
): Promise<void> {
  const interrupt = new AbortController()
  const listen = (): void => {
    if (interrupt.signal.aborted) process.exit(130)
    interrupt.abort(new Error('interrupted'))
  }
  process.on('SIGINT', listen).on('SIGTERM', listen)
  try {
    process.exitCode = await main(process.argv.slice(2), interrupt.signal)
  } catch (error) {
    process.exitCode = exitCode(error, interrupt.signal)
  } finally {
    process.off('SIGINT', listen).off('SIGTERM', listen)
  }
}

function exitCode(error: unknown, { aborted }: AbortSignal): number {
  if (error instanceof UsageError) {
    console.error(error.message)
    return 2
  }
  if (aborted) return 130
  console.error(error)
  return 1
}
