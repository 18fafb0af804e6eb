import type { Raw } from './wire.ts'

/** What the session asks of a server on its own account. */
export type Inquiry = (
  text: string,
  values?: unknown[],
) => Promise<{
  readonly rows: readonly (readonly Raw[])[]
  readonly code: string | undefined
}>
