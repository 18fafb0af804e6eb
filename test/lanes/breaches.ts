import { titles } from '../subjects/index.ts'
import type { Finding } from './experiment.ts'

/** What a lane shows that Reprise promises never to let happen, in words; empty where it kept its promises. */
export function breaches({ lane, audit, hung }: Finding): string[] {
  const crashes = lane.history.crashes.length
  const found = [
    audit.lost > 0 && `${audit.lost} acknowledged but not in the database`,
    audit.duplicated > 0 && `${audit.duplicated} in the database more than once`,
    !audit.explained && 'balances that the transfers do not explain',
    crashes > 0 && `the process crashed, ${crashes} times`,
    hung > 0 && `${hung} calls that never came back`,
  ]
  const title = titles[lane.order.subject]
  return found.filter((words) => words !== false).map((words) => `${title}: ${words}`)
}
