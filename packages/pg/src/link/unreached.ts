import { type Address, nameOf, placeOf } from '../connection/address.ts'
import type { Stop } from './stops.ts'
import { Unsuited } from './target.ts'

/** One server that was not reached, or that would not do, and why. */
export interface Failure {
  readonly address: Address
  readonly error: unknown
}

/** None of several servers would do. Its message lists each with its cause, its code is the first's. */
class Unreached extends AggregateError {
  override readonly name = 'Unreached'
  readonly code: string | undefined
  declare readonly failures: readonly Failure[]

  constructor(failures: readonly Failure[]) {
    const errors = failures.map(({ error }) => error)
    super(errors, failures.map(said).join(', '))
    // Not for those who print it.
    Object.defineProperty(this, 'failures', { value: failures })
    // That a server is down says more than that another one is a standby.
    const down = errors.filter((error) => !(error instanceof Unsuited))
    this.code = codeOf(down.find((error) => codeOf(error) !== undefined) ?? down[0] ?? errors[0])
  }
}

/** Notes what the last who has gone round all servers was told by those that one has not heard of oneself. */
export function learnFrom(failures: Failures, last: unknown): void {
  if (!(last instanceof Unreached)) return
  for (const failure of last.failures) {
    const place = placeOf(failure.address)
    if (!failures.has(place)) failures.set(place, failure)
  }
}

/** Whether an error is about several servers, or about what was wanted of one: pg has no words for that. */
export function isOurs(error: unknown): boolean {
  return error instanceof Unreached || error instanceof Unsuited
}

/** The last that is known of each, by its place. */
export type Failures = Map<string, Failure>

/** Notes what others were told by a server that one has not heard of oneself. */
export function learn(
  failures: Failures,
  { address, gate, unresolved }: Stop,
  silence?: unknown,
): void {
  const place = placeOf(address)
  const error = unresolved ?? (gate?.down ? gate.lastFailure : silence)
  if (error !== undefined && !failures.has(place)) failures.set(place, { address, error })
}

/** What says why none of them was reached: of one server, its own error. */
export function whyNot(failures: Failures): unknown {
  const all = [...failures.values()]
  return all.length === 1 ? all[0]?.error : new Unreached(all)
}

/** Which server was not reached, and why, for those who have waited for it; or which one refused. */
export function unreached(reason: string, address: Address, cause: unknown): string | undefined {
  if (reason === 'refused') return `refused by ${said({ address, error: cause })}`
  if (reason !== 'deadline' && reason !== 'down') return undefined
  return cause instanceof Unreached
    ? `no connection to ${cause.message}`
    : `no connection to ${said({ address, error: cause })}`
}

function said({ address, error }: Failure): string {
  const why = error instanceof Unsuited ? error.message : codeOf(error)
  return why === undefined ? nameOf(address) : `${nameOf(address)} (${why})`
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}
