import { expect, test } from 'vitest'
import { exactAudit } from '../kit/index.ts'
import type { Finding } from '../lanes/experiment.ts'
import { Lane } from '../lanes/lane.ts'
import { type Cell, cellsOf, cellTable } from '../torture/cluster/cell.ts'

function judged(acknowledged: number[], audit: Partial<Finding['audit']> = {}): Cell {
  const workload = { workers: 1, accounts: 2, periodMs: 0, thinkMs: 0, insertPercent: 0 }
  const order = { subject: 'kysely', url: '', reprise: {}, seed: 1, workload } as const
  const lane = new Lane(order, { acknowledged() {}, rejected() {} }, () => 0)
  lane.history.acknowledged.push(...acknowledged)
  const failure = { message: 'gone', code: '08007', outcome: 'in-doubt' }
  lane.history.failed.push({ at: 5500, failure })
  const whole = { ...exactAudit, acknowledged: acknowledged.length, rejected: 1, ...audit }
  const finding: Finding = { lane, audit: whole, hung: 0 }
  // A gap before the fault, as a busy machine makes it, and the one that the fault made.
  const loop = [0, 100, 4000, 4100, 7000, 7100]
  const storm = { findings: [finding], loop, begun: 4050, end: 9000, failovers: 0 }
  const [cell] = cellsOf(storm, 'cut', 'sync')
  return cell!
}

test('how far behind the reconnect loop a client was is measured where the fault was', () => {
  expect(judged([50, 4080, 4150, 7300, 7350])).toMatchObject({ outageMs: 2900, behindMs: 300 })
  expect(judged([50, 4080, 6900, 7350])).toMatchObject({ outageMs: 2900, behindMs: -100 })
  expect(judged([50, 4080])).toMatchObject({ behindMs: 2000 })
})

test('what the server lost itself is told and is no breach, what else is lost is one', () => {
  const { lost, lostByServer, breaches } = judged([4080, 7300], { lostByServer: 3 })
  expect({ lost, lostByServer, breaches }).toEqual({ lost: 0, lostByServer: 3, breaches: [] })
  expect(judged([4080, 7300], { lost: 1 }).breaches).toHaveLength(1)
})

test('the table says what was surfaced, and the JSON what it said', () => {
  const cell = judged([4080, 7300])
  expect(cell.messages).toEqual({ 'in-doubt: gone (08007)': 1 })
  expect(cellTable([cell])).toContain('1 in-doubt')
})

test('of several times of one fault the table has the median of how far behind it was', () => {
  const cells = [7300, 7100, 8000].map((back) => judged([50, 4080, back]))
  expect(cellTable(cells)).toMatch(/cut +sync +Kysely +3 +0\.30 s +0\.10 s +1\.00 s/)
})
