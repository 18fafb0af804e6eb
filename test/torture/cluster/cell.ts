import { type History, kindOf, type Span } from '../../lanes/history.ts'
import { table } from '../../lanes/table.ts'
import { titles } from '../../subjects/index.ts'
import { type Verdict, verdictOf } from '../verdict.ts'
import type { ClusterFault } from './faults.ts'
import type { Mode } from './patroni-cluster.ts'
import type { Storm } from './storm.ts'

/** What became of one subject in one fault: an element of `--json`. */
export interface Cell extends Omit<Verdict, 'faults'> {
  readonly fault: ClusterFault
  readonly mode: Mode
  /** What the errors said, each with how often it was heard. */
  readonly messages: Readonly<Record<string, number>>
  /** Acknowledged by a primary that died with it. */
  readonly lostByServer: number
  /** How often the cluster failed over. */
  readonly failovers: number
  /** How long the reconnect loop could not reach the primary, in milliseconds. */
  readonly outageMs: number
  /** How long after the loop's first success behind it the subject's came, in milliseconds. */
  readonly behindMs: number
}

/** Judges what became of each subject. */
export function cellsOf(
  { findings, loop, begun, end, failovers }: Storm,
  fault: ClusterFault,
  mode: Mode,
): Cell[] {
  const outage = longest(gapsOf(loop).filter(({ to }) => to > begun))
  return findings.map((finding) => {
    const { faults: _, ...verdict } = verdictOf({ finding, faults: {}, end })
    const { history } = finding.lane
    const gaps = gapsOf([0, ...history.acknowledged, end])
    const own = longest(gaps.filter((gap) => gap.from < outage.to && gap.to > outage.from))
    return {
      fault,
      mode,
      ...verdict,
      messages: messagesOf(history),
      lostByServer: finding.audit.lostByServer,
      failovers,
      outageMs: Math.round(outage.to - outage.from),
      behindMs: Math.round(own.to - outage.to),
    }
  })
}

function gapsOf(moments: readonly number[]): Span[] {
  return moments.slice(1).map((to, at) => ({ from: moments[at] ?? to, to }))
}

function longest(spans: readonly Span[]): Span {
  const length = ({ from, to }: Span): number => to - from
  return spans.reduce((most, span) => (length(span) > length(most) ? span : most), {
    from: 0,
    to: 0,
  })
}

function messagesOf({ failed }: History): Record<string, number> {
  const heard = failed.map(
    ({ failure }) => `${kindOf(failure)}: ${failure.message} (${failure.code ?? 'no code'})`,
  )
  return Object.fromEntries(
    [...Map.groupBy(heard, (words) => words)].map(([words, times]) => [words, times.length]),
  )
}

const head = [
  'fault',
  'mode',
  'client',
  'acknowledged',
  'lost',
  'by the server',
  'duplicated',
  'untrue',
  'surfaced',
  'crashes',
  'hung',
  'failovers',
  'outage',
  'longest stall',
  'behind the loop',
]

/** The cells as a table, and how far behind the reconnect loop they were. */
export function cellTable(cells: readonly Cell[]): string {
  const rows = cells.map((cell) => [
    cell.fault,
    cell.mode,
    titles[cell.subject],
    String(cell.acknowledged),
    String(cell.lost),
    String(cell.lostByServer),
    String(cell.duplicated),
    String(cell.dishonest),
    Object.entries(cell.errors)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', ') || '0',
    String(cell.crashes),
    String(cell.hung),
    String(cell.failovers),
    seconds(cell.outageMs),
    seconds(cell.longestStallMs),
    seconds(cell.behindMs),
  ])
  return `${table(head, rows)}\n\n${behindTable(cells)}`
}

/** How far behind the reconnect loop each client was in each fault, over all its times. */
function behindTable(cells: readonly Cell[]): string {
  const keyOf = ({ fault, mode, subject }: Cell): string => `${fault} ${mode} ${subject}`
  const rows = [...Map.groupBy(cells, keyOf).values()].map((group) => {
    const behind = group.map(({ behindMs }) => behindMs).sort((left, right) => left - right)
    const [{ fault, mode, subject }] = group as [Cell]
    const [least, middle, most] = [0, behind.length >> 1, behind.length - 1]
    const told = [middle, least, most].map((at) => seconds(behind[at] ?? 0))
    return [fault, mode, titles[subject], String(behind.length), ...told]
  })
  return `The first acknowledgement came so much after that of a tight reconnect loop:\n\n${table(
    ['fault', 'mode', 'client', 'times', 'median', 'least', 'most'],
    rows,
  )}`
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`
}
