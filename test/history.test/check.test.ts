import { describe, expect, it } from 'vitest'
import { check, type Isolation, isolations } from '../history/check.ts'
import type { Step, Transaction } from '../history/transaction.ts'

const a = (key: number, value: number): Step => ({ is: 'append', key, value })
const r = (key: number, ...values: number[]): Step => ({ is: 'read', key, values })

/** Transactions T1, T2 … that committed. */
const committed = (...all: Step[][]): Transaction[] =>
  all.map((steps, at) => ({ id: at + 1, end: 'committed', steps }))

const ended = (end: Transaction['end'], id: number, ...steps: Step[]): Transaction => ({
  id,
  end,
  steps,
})

interface Hand {
  readonly name: string
  readonly history: readonly Transaction[]
  readonly lists: Readonly<Record<number, readonly number[]>>
  /** What is found at each level. */
  readonly found: Readonly<Record<Isolation, readonly string[]>>
}

const everywhere = (...kinds: string[]): Hand['found'] => ({
  'read committed': kinds,
  'repeatable read': kinds,
  serializable: kinds,
})

const hands: Hand[] = [
  { name: 'nothing', history: [], lists: {}, found: everywhere() },
  {
    name: 'one after the other',
    history: committed([r(1), a(1, 1)], [r(1, 1), a(1, 2), a(1, 3)], [r(1, 1, 2, 3), r(2)]),
    lists: { 1: [1, 2, 3] },
    found: everywhere(),
  },
  {
    name: 'reads of one’s own appends, others’ before them',
    history: committed([a(1, 1)], [a(1, 2), r(1, 1, 2), a(1, 3), r(1, 1, 2, 3)]),
    lists: { 1: [1, 2, 3] },
    found: everywhere(),
  },
  {
    name: 'an append in doubt that happened, and one that did not',
    history: [
      ...committed([a(1, 1)], [r(1, 1, 8)]),
      ended('unknown', 8, a(1, 8)),
      ended('unknown', 9, a(1, 9), a(2, 10)),
    ],
    lists: { 1: [1, 8] },
    found: everywhere(),
  },
  {
    name: 'what was read in a transaction that is in doubt or rolled back',
    history: [
      ...committed([a(1, 1)]),
      ended('unknown', 8, r(1, 5)),
      ended('aborted', 9, r(1, 1), r(1)),
    ],
    lists: { 1: [1] },
    found: everywhere(),
  },
  {
    name: 'a committed append that is gone',
    history: committed([a(1, 1)], [a(1, 2)]),
    lists: { 1: [2] },
    found: everywhere('lost'),
  },
  {
    name: 'half of one in doubt',
    history: [ended('unknown', 1, a(1, 1), a(2, 2))],
    lists: { 1: [1] },
    found: everywhere('lost'),
  },
  {
    name: 'an append that was done twice',
    history: committed([a(1, 1)]),
    lists: { 1: [1, 1] },
    found: everywhere('doubled'),
  },
  {
    name: 'an element that nobody appended',
    history: [],
    lists: { 1: [7] },
    found: everywhere('invented'),
  },
  {
    name: 'an element that was seen and is not there at the end',
    history: [...committed([r(1, 8)]), ended('unknown', 8, a(1, 8))],
    lists: { 1: [] },
    found: everywhere('disordered'),
  },
  {
    name: 'two who saw different orders',
    history: committed([a(1, 1)], [a(1, 2)], [r(1, 2, 1)]),
    lists: { 1: [1, 2] },
    found: everywhere('disordered'),
  },
  {
    name: 'one who does not see his own append',
    history: committed([a(1, 1), r(1)]),
    lists: { 1: [1] },
    found: everywhere('internal'),
  },
  {
    name: 'an append that was rolled back and stayed',
    history: [ended('aborted', 1, a(1, 1))],
    lists: { 1: [1] },
    found: everywhere('G1a'),
  },
  {
    name: 'an append that was rolled back and seen',
    history: [ended('aborted', 9, a(1, 9)), ...committed([r(1, 9)])],
    lists: { 1: [] },
    found: everywhere('G1a', 'disordered'),
  },
  {
    name: 'the middle of a transaction that was seen',
    history: committed([a(1, 1), a(1, 2)], [r(1, 1)]),
    lists: { 1: [1, 2] },
    found: {
      'read committed': ['G1b'],
      'repeatable read': ['G-single', 'G1b'],
      serializable: ['G-single', 'G1b'],
    },
  },
  {
    name: 'appends to two lists in different orders (G0)',
    history: committed([a(1, 1), a(2, 2)], [a(1, 3), a(2, 4)]),
    lists: { 1: [1, 3], 2: [4, 2] },
    found: everywhere('G0'),
  },
  {
    name: 'two who saw each other (G1c)',
    history: committed([a(1, 1), r(2, 2)], [a(2, 2), r(1, 1)]),
    lists: { 1: [1], 2: [2] },
    found: everywhere('G1c'),
  },
  {
    name: 'a read that was not repeatable (G-single)',
    history: committed([r(1), r(1, 1)], [a(1, 1)]),
    lists: { 1: [1] },
    found: { 'read committed': [], 'repeatable read': ['G-single'], serializable: ['G-single'] },
  },
  {
    name: 'half of a transaction that was seen (G-single)',
    history: committed([a(1, 1), a(2, 2)], [r(1, 1), r(2)]),
    lists: { 1: [1], 2: [2] },
    found: { 'read committed': [], 'repeatable read': ['G-single'], serializable: ['G-single'] },
  },
  {
    name: 'a lost update (G-single)',
    history: committed([r(1), a(1, 1)], [r(1), a(1, 2)]),
    lists: { 1: [1, 2] },
    found: { 'read committed': [], 'repeatable read': ['G-single'], serializable: ['G-single'] },
  },
  {
    name: 'a write skew (G2)',
    history: committed([r(1), r(2), a(1, 1)], [r(1), r(2), a(2, 2)]),
    lists: { 1: [1], 2: [2] },
    found: { 'read committed': [], 'repeatable read': [], serializable: ['G2'] },
  },
  {
    name: 'a read-only transaction that makes two others a cycle of three (G2)',
    history: committed([r(1), a(2, 2)], [a(1, 1)], [r(1, 1), r(2)]),
    lists: { 1: [1], 2: [2] },
    found: { 'read committed': [], 'repeatable read': [], serializable: ['G2'] },
  },
]

describe.each(isolations)('at %s', (isolation) => {
  it.each(hands)('$name', ({ history, lists, found }) => {
    const ends = new Map(Object.entries(lists).map(([key, values]) => [Number(key), values]))
    const kinds = check(history, ends, isolation).map(({ kind }) => kind)
    expect([...new Set(kinds)].sort()).toEqual([...found[isolation]].sort())
  })
})
