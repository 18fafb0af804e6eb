import type { DrillOrder } from './arguments.ts'
import { Misuse } from './misuse.ts'
import type { Server } from './server.ts'
import { heeded, namesThere, spared, targetsOf, untouchable } from './target.ts'
import { byDoing, counted, rate, whose } from './words.ts'

/** Makes sure, before anything is touched, that the drill can do what it was told, and no more. */
export async function planOf(server: Server, order: DrillOrder): Promise<string[]> {
  const { applicationName, signal, lasting } = order
  const targets = await targetsOf(server, applicationName)
  const left = await spared(server, applicationName)
  if (targets.length === 0) throw await nobody(server, order, left)
  const forbidden = await untouchable(server, applicationName)
  if (forbidden.length > 0) {
    throw new Misuse(
      `this role may not signal the backends of ${forbidden.join(', ')}: GRANT pg_signal_backend TO the role in --url, or use theirs.`,
    )
  }
  const blind = targets.some(({ doing }) => doing === 'unknown')
  if (blind && order.only !== undefined) {
    throw new Misuse(
      `this role is not shown what the backends of '${applicationName}' are doing, so --only cannot be heeded: GRANT pg_read_all_stats TO it.`,
    )
  }
  const seconds = Math.round(lasting / 1000)
  const most = Math.max(1, Math.ceil(order.rate * seconds))
  const fits = heeded(order)
  const now = targets.filter(({ doing }) => fits.includes(doing)).length
  return [
    `${server.place}: ${signal} ${whose(order)}, ${rate(order)} at most, for ${seconds} s (${most} at most).`,
    `There ${targets.length === 1 ? 'is' : 'are'} ${counted(targets.length, 'backend')} of it now: ${byDoing(targets)}. ${now} of them would be hit.`,
    ...(left > 0
      ? [
          `${left} more of that name ${left === 1 ? 'is' : 'are'} spared: another database's, a superuser's or replication.`,
        ]
      : []),
  ]
}

async function nobody(server: Server, order: DrillOrder, left: number): Promise<Misuse> {
  const { applicationName } = order
  if (left > 0) {
    return new Misuse(
      `all backends of '${applicationName}' are in another database, a superuser's, or replicate: the drill touches none of these.`,
    )
  }
  const names = (await namesThere(server)).filter((name) => name !== applicationName)
  const there =
    names.length === 0
      ? 'nobody else has a name there either; set application_name in its connection'
      : `there are ${names.map((name) => `'${name}'`).join(', ')}`
  return new Misuse(`there is no backend of '${applicationName}' in this database: ${there}.`)
}
