/** What instrumented sources look at (Stryker's instrumenter), in this process. */
export interface Switch {
  activeMutant: string | undefined
  currentTestId: string | undefined
  /** How often the active mutant may be reached before it counts as a loop without end. */
  hitCount: number
  hitLimit: number
  mutantCoverage?: {
    readonly static: Record<string, number>
    readonly perTest: Record<string, Record<string, number>>
  }
  /** What becomes of a question to a server, and of its values (`sql-mutants.ts`). */
  asking?: (text: string, values?: unknown[]) => [string, unknown[] | undefined]
}

const holder = globalThis as typeof globalThis & { __stryker__?: Switch }

/** The one switch of this process. */
export function stryker(): Switch {
  holder.__stryker__ ??= {
    activeMutant: undefined,
    currentTestId: undefined,
    hitCount: 0,
    hitLimit: Number.POSITIVE_INFINITY,
  }
  return holder.__stryker__
}
