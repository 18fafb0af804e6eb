import { setTimeout as sleep } from 'node:timers/promises'
import { DeadServer } from './dead-server.ts'
import type { Member } from './member.ts'
import type { Mode, PatroniCluster } from './patroni-cluster.ts'

/** What can be done to a cluster. */
export const clusterFaults = [
  'switchover',
  'kill-node',
  'freeze-node',
  'kill-patroni',
  'cut',
] as const

export type ClusterFault = (typeof clusterFaults)[number]

/** How often the cluster fails over when it happens. */
export const failoversIn: Readonly<Record<ClusterFault, number>> = {
  switchover: 1,
  'kill-node': 1,
  'freeze-node': 1,
  'kill-patroni': 1,
  cut: 0,
}

/** How long somebody hears nothing of a primary before it goes. */
const unheardMs = 300
/** How long a member that was replaced stays away. */
const awayMs = 3000
/** How long the network to the primary is cut. */
const cutMs = 4000

/**
 * Makes a fault of the primary, and mends it.
 * @returns the data of a primary that died with what only it had
 */
export async function inflict(
  fault: ClusterFault,
  mode: Mode,
  cluster: PatroniCluster,
): Promise<DeadServer | undefined> {
  const primary = await cluster.primary()
  switch (fault) {
    case 'switchover':
      await cluster.switchover(primary)
      return undefined
    case 'cut':
      primary.front.set('mute')
      await sleep(unheardMs)
      primary.front.set('refuse')
      await sleep(cutMs)
      primary.front.set('pass')
      return undefined
    case 'kill-node':
      return await replace(mode, cluster, primary, () => primary.kill(), start)
    case 'freeze-node':
      return await replace(mode, cluster, primary, () => primary.freeze(), thaw)
    case 'kill-patroni':
      primary.killPatroni()
      await cluster.primary(primary)
      return await endSplit(mode, cluster, primary)
  }
}

const start = (member: Member): void => member.start()
const thaw = (member: Member): void => member.thaw()

/**
 * Takes a primary away. Under asynchronous replication its standbys hear nothing of its last moments: what it
 * acknowledged then is gone with it. Under synchronous replication its clients do: what it did then is there, and
 * nobody was told.
 */
async function replace(
  mode: Mode,
  cluster: PatroniCluster,
  primary: Member,
  takeAway: () => void,
  bringBack: (member: Member) => void,
): Promise<DeadServer> {
  if (mode === 'async') primary.replication.set('freeze')
  else primary.front.set('mute')
  await sleep(unheardMs)
  takeAway()
  // What was on its way never arrives.
  primary.replication.set('refuse')
  await cluster.primary(primary)
  primary.replication.set('pass')
  primary.front.set('pass')
  return await comeBack(cluster, primary, bringBack)
}

/**
 * Two take writes now. Whoever names the members and is on the old one stays there, and what it acknowledges goes when
 * Patroni is back: so it acknowledges nothing any more once its data are copied.
 */
async function endSplit(mode: Mode, cluster: PatroniCluster, primary: Member): Promise<DeadServer> {
  await sleep(awayMs)
  primary.front.set('refuse')
  const dead = await DeadServer.of(primary, cluster.site)
  primary.start()
  await cluster.settled(mode)
  primary.front.set('pass')
  return dead
}

/** The data is copied before Patroni makes a standby of it. */
async function comeBack(
  { site }: PatroniCluster,
  member: Member,
  bringBack: (member: Member) => void,
): Promise<DeadServer> {
  await sleep(awayMs)
  const dead = await DeadServer.of(member, site)
  bringBack(member)
  return dead
}
