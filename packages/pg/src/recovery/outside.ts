import { type Reach, type Reached, worse } from '../catalog/reach.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Link } from '../link/link.ts'
import type { Transaction } from '../transaction/transaction.ts'

/** What was executed, as far as it is known. */
export type Worked = Pick<Exchange, 'statement' | 'text'>

/** What of work that was executed has an effect that does not go with its transaction. */
export function reachesOutside(works: readonly Worked[], outside: Reach): Reached {
  let found: Reached = 'nothing'
  if (outside.empty) return found
  for (const { statement, text } of works) {
    const unseen = text === undefined || statement.verb === 'EXECUTE'
    found = worse(found, unseen ? outside.worst : outside.of(statement, text))
  }
  return found
}

/** Whether another server may have, where nobody can be asked: by what was known of the database. */
export function mayKnowOthers({
  server,
  connection,
}: Pick<Link, 'server' | 'connection'>): boolean {
  return connection.identifying && server.database.knowsOthers !== false
}

/**
 * Whether another server may have committed a part of work that came to nothing here: it commits first.
 * @param outside undefined where the server does not say what there is
 * @param postgres whether it tells transaction ids: an engine that knows none has no foreign tables either
 */
export function mayBeCommittedElsewhere(
  work: Worked,
  transaction: Transaction | undefined,
  outside: Reach | undefined,
  postgres: boolean,
): boolean {
  if (outside === undefined) return postgres
  // What is on no tape may be the worst that there is.
  if (transaction !== undefined && transaction.tape.length === 0) return !outside.empty
  return reachesOutside([...(transaction?.tape ?? []), work], outside) !== 'nothing'
}
