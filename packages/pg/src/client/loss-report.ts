import { type FromSession, type Loss, publish } from '@reprise/core'
import type { Connection } from '../connection/connection.ts'
import { lossAs } from '../recovery/account.ts'

/** Where a loss found the session. */
export interface LossScene {
  readonly from: FromSession
  /** Whether nothing was in flight. */
  readonly idle: boolean
  readonly inTransaction: boolean
}

/** Publishes a loss. Each is told once, by whoever comes upon it first. */
export function tellLoss(loss: Loss, connection: Connection, scene: LossScene): void {
  if (connection.told) return
  connection.told = true
  const { from, ...found } = scene
  publish('reprise:loss', { ...from, ...lossAs(loss, found) })
}
