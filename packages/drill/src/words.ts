import { outcomes } from '@reprise/core'
import type { DrillOrder } from './arguments.ts'
import { surfacedIn } from './counters.ts'
import type { History } from './history.ts'
import type { Doing, Target } from './target.ts'

/** A terminal is this wide, by old custom. */
const columns = 80

/** What was done. */
export function done({ signal }: Pick<DrillOrder, 'signal'>): string {
  return signal === 'cancel' ? 'cancelled' : 'terminated'
}

const doings: { readonly [D in Doing]: string } = {
  'in-transaction': 'in a transaction',
  'in-commit': 'in COMMIT',
  active: 'active',
  idle: 'idle',
  unknown: 'in a state that is not shown to this role',
}

/** What a backend was doing, for people. */
export function named(doing: Doing): string {
  return doings[doing]
}

/** A count with its noun. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

/** Backends by what they do: `3 active, 1 in a transaction`. */
export function byDoing(targets: readonly Pick<Target, 'doing'>[]): string {
  const counts = new Map<Doing, number>()
  for (const { doing } of targets) counts.set(doing, (counts.get(doing) ?? 0) + 1)
  return [...counts].map(([doing, count]) => `${count} ${doings[doing]}`).join(', ')
}

/** `2 a second`, `30 a minute`. */
export function rate({ rate }: Pick<DrillOrder, 'rate'>): string {
  const slow = rate < 1
  return `${Number((slow ? rate * 60 : rate).toFixed(2))} a ${slow ? 'minute' : 'second'}`
}

/** Which backends: `app's backends in COMMIT`. */
export function whose({ applicationName, only }: DrillOrder): string {
  return `backends of '${applicationName}'${only === undefined ? '' : ` that are ${doings[only]}`}`
}

/** One line that says how it goes, short enough for any terminal. */
export function progressLine(order: DrillOrder, history: History): string {
  const { seconds, counted: told } = history
  const backends = seconds.at(-1)?.backends
  const at = Math.min(Math.round(history.lasted / 1000), Math.round(order.lasting / 1000))
  const parts = [
    `${at} of ${Math.round(order.lasting / 1000)} s`,
    `${history.hits} ${done(order)}`,
    backends === undefined ? 'no answer from the server' : counted(backends, 'backend'),
  ]
  if (told !== undefined) parts.push(`${told.mended} mended`, `${surfacedIn(told)} surfaced`)
  else if (order.counters !== undefined) parts.push('no counters yet')
  return parts.join(' · ').slice(0, columns - 1)
}

/** What was done and what came of it, in a few lines. */
export function summary(order: DrillOrder, history: History): string[] {
  const { hits, interrupted, counted: told, byDoing: hitDoing } = history
  const lasted = Math.round(Math.min(history.lasted, order.lasting) / 1000)
  const split = [...hitDoing].map(([doing, count]) => `${count} ${doings[doing]}`).join(', ')
  const lines = [
    `${interrupted ? 'Stopped. ' : ''}${counted(hits, 'backend')} ${done(order)} in ${lasted} s${split === '' ? '' : `: ${split}`}.`,
  ]
  if (history.refusal !== undefined) {
    lines.push(`The server would not have it any longer: ${history.refusal}.`)
  }
  if (hits === 0) lines.push('Nobody was there to be hit: start the load of the application first.')
  if (order.counters === undefined) {
    lines.push(
      'What reached its callers only the application knows: see its log, or pass --counters.',
    )
  } else if (told === undefined) {
    lines.push('The application told no counters, so what reached its callers is not known.')
  } else {
    lines.push(
      `The application noticed ${counted(told.losses, 'loss', 'losses')} and mended ${told.mended}.`,
    )
    const errors = surfacedIn(told)
    const kinds = outcomes
      .filter((outcome) => told.surfaced[outcome] > 0)
      .map((outcome) => `${told.surfaced[outcome]} ${outcome}`)
    lines.push(
      errors === 0
        ? 'Nothing surfaced: no caller noticed.'
        : `${counted(errors, 'error')} surfaced: ${kinds.join(', ')}.`,
    )
  }
  return lines
}
