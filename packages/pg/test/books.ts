import { analyze, type TransactionStatus } from '@reprise/core'
import { Pending } from '../src/transaction/pending.ts'
import { SessionState } from '../src/transaction/state.ts'

/** What a server answered to a message, where that is not what it always answers. */
export interface Answer {
  /** The tags, joined by semicolons. */
  readonly tags?: string
  readonly after?: TransactionStatus
  readonly failed?: boolean
  readonly values?: readonly unknown[]
  readonly row?: readonly (string | null)[]
}

/** The books of one session, as texts and their answers are told to them. */
export class Books {
  readonly state: SessionState = new SessionState()
  readonly pending: Pending = new Pending()
  status: TransactionStatus = 'I'

  /** A message and its answer: by default each statement is done, and the status stays. */
  run(text: string, answer: Answer = {}): void {
    const statement = analyze(text)
    const { after = this.status, failed = false, values, row } = answer
    const usual = text.split(';').map((one) => one.trim().split(' ')[0]?.toUpperCase())
    const tags = (answer.tags ?? usual.join(';')).split(';').filter((tag) => tag !== '')
    const before = this.status
    this.status = after
    this.pending.follow({ statement, tags, before, after, failed, values, row }, this.state)
  }

  /** What makes the session again, message by message. */
  async restored(): Promise<string[]> {
    const texts: string[] = []
    await this.state.restore(async (text) => {
      texts.push(text)
      return { rows: [], code: undefined }
    })
    return texts
  }
}
