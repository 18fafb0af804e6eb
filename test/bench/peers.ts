import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Killer, Ledger, Server } from '../kit/index.ts'
import { machine } from './machine.ts'
import type { BenchOptions } from './options.ts'
import { peerFolder } from './peer-folder.ts'
import { type PeerName, peerTitles } from './peer-ways.ts'
import type { Section } from './section.ts'

/** What became of one way to work under a killer. */
export interface Peer {
  readonly name: PeerName
  /** Transfers a second that were acknowledged: undisturbed, and under the killer. */
  readonly calm: number
  readonly kept: number
  readonly kills: number
  readonly errors: number
  readonly duplicated: number
  readonly lost: number
  /** Reported as failed, yet there, by an error that did not say so. */
  readonly untrue: number
  /** Calls that had no answer long after all was quiet, and whether its process ended. */
  readonly hung: number
  readonly crashed: boolean
}

/** What the process of a peer is told. */
export interface PeerOrder {
  readonly name: PeerName
  readonly url: string
  readonly folder: string
  readonly accounts: number
}

/** What it tells: the end of each transfer. */
export type PeerWord =
  | { readonly is: 'ready' }
  | { readonly is: 'began'; readonly token: string }
  | { readonly is: 'acknowledged'; readonly token: string }
  | {
      readonly is: 'rejected'
      readonly token: string
      readonly error: { readonly outcome?: string }
    }
  | { readonly is: 'done'; readonly hung: number }

const everyMs = 50
const accounts = 200

/** Each way on the same work under the same killer, one after the other on one server. */
export async function peers(
  { seconds = 8 }: BenchOptions,
  told: (cells: readonly string[]) => void,
): Promise<{ figures: readonly Peer[]; section: Section }> {
  const folder = await peerFolder()
  const server = await Server.start({ settings: { fsync: 'off' } })
  const found: Peer[] = []
  told(head)
  try {
    for (const name of Object.keys(peerTitles) as PeerName[]) {
      const peer = await underFire(server, name, folder.path, seconds)
      found.push(peer)
      told(cellsOf(peer))
    }
    return { figures: found, section: sectionOf(found, seconds, await machine(server)) }
  } finally {
    await server.dispose()
    await folder.remove()
  }
}

async function underFire(
  server: Server,
  name: PeerName,
  folder: string,
  seconds: number,
): Promise<Peer> {
  const url = await server.createDatabase()
  const ledger = await Ledger.create(server, url, { accounts })
  const child = fork(new URL('peer-worker.ts', import.meta.url), {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  let acknowledged = 0
  let errors = 0
  let hung = 0
  let over = false
  const open = new Set<string>()
  const gone = once(child, 'exit').then(() => {
    over = true
  })
  const ready = new Promise<void>((resolve) => {
    child.on('message', (word: PeerWord) => {
      if (word.is === 'ready') resolve()
      else if (word.is === 'done') hung = word.hung
      else if (word.is === 'began') open.add(word.token)
      else {
        open.delete(word.token)
        if (word.is === 'acknowledged') {
          acknowledged += 1
          ledger.acknowledged(word.token)
        } else {
          errors += 1
          ledger.rejected(word.token, word.error)
        }
      }
    })
  })
  const order: PeerOrder = { name, url, folder, accounts }
  child.send(order)
  await Promise.race([ready, gone])
  const wait = (ms: number): Promise<unknown> =>
    Promise.race([gone, new Promise((resolve) => setTimeout(resolve, ms))])
  await wait(1500)
  const calmFrom = acknowledged
  await wait((seconds * 1000) / 2)
  const calm = ((acknowledged - calmFrom) * 2) / seconds
  const killer = new Killer(server, { everyMs, database: url, seed: 1 })
  const from = acknowledged
  const began = performance.now()
  killer.start()
  await wait(seconds * 1000)
  const kept = ((acknowledged - from) * 1000) / (performance.now() - began)
  const kills = await killer.stop()
  const crashed = over
  if (!crashed) child.send('stop')
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 30_000))])
  if (!over) child.kill('SIGKILL')
  await gone
  // What was under way in a process that crashed was told to nobody.
  const audit = await ledger.audit()
  return {
    name,
    calm,
    kept: crashed ? 0 : kept,
    kills,
    errors,
    duplicated: audit.duplicated,
    lost: audit.lost,
    untrue: audit.appliedThoughRejected.dishonest,
    hung: crashed ? 0 : Math.max(hung, open.size),
    crashed,
  }
}

const head = [
  'way',
  'calm, /s',
  'killed every 50 ms, /s',
  'kept',
  'kills',
  'errors',
  'duplicated',
  'lost',
  'failed, yet there',
  'hung',
]

function cellsOf(peer: Peer): string[] {
  return [
    peerTitles[peer.name],
    peer.calm.toFixed(0),
    peer.crashed ? 'the process ended' : peer.kept.toFixed(0),
    peer.crashed ? '' : `${((100 * peer.kept) / peer.calm).toFixed(0)} %`,
    String(peer.kills),
    String(peer.errors),
    String(peer.duplicated),
    String(peer.lost),
    String(peer.untrue),
    String(peer.hung),
  ]
}

function sectionOf(found: readonly Peer[], seconds: number, where: Section['machine']): Section {
  return {
    name: 'peers',
    title: 'Other ways',
    words: `The same transfers (two updates and an insert in one transaction, 8 callers, 8 connections), one way after the other on one server: ${seconds / 2} seconds undisturbed, then ${seconds} seconds in which a backend of theirs is terminated every ${everyMs} ms. Each transfer has a token that is not unique in the table, so the ledger sees what was done twice, what was acknowledged and is not there, and what was reported as failed and is there without the error having said that it may be. Each way is set up as its documentation says; the p-retry recipe runs the whole transaction again on any error.`,
    machine: where,
    head,
    rows: found.map(cellsOf),
    plots: [
      {
        kind: 'bars',
        title: 'Transfers a second while a backend dies every 50 ms',
        unit: '/s',
        bars: found.map(({ name, kept }) => ({
          name: peerTitles[name],
          value: kept,
          tone: name === 'reprise' ? 'with' : 'without',
        })),
      },
    ],
  }
}
