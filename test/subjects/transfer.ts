import type { Opened, Transfer } from './subject.ts'

const atOnce = async (): Promise<void> => {}

/**
 * Gives a client its `transfer`, the same for all of them: one transaction that reads both accounts, thinks, changes
 * both, records the transfer and reads again.
 *
 * Accounts are changed in ascending order, so that two transfers may wait for each other but never deadlock.
 */
export function withTransfer(client: Omit<Opened, 'transfer'>): Opened {
  return {
    ...client,
    transfer: (order, think = atOnce) =>
      client.transaction(async (inside) => {
        await inside.read(order.source)
        await inside.read(order.target)
        await think()
        for (const [id, by] of changes(order)) await inside.add(id, by)
        await inside.insert(order)
        await inside.read(order.target)
      }),
  }
}

function changes({ source, target, amount }: Transfer): [id: number, by: number][] {
  const both: [number, number][] = [
    [source, -amount],
    [target, amount],
  ]
  return both.sort(([left], [right]) => left - right)
}
