import KeyvPostgres from '@keyv/postgres'
import { reprise } from '@reprise/pg'
import Keyv from 'keyv'
import type { Opened, Request, Transfer } from '../opened.ts'
import { writeDown } from './written.ts'

/** Keyv: every value that is set is written down. */
export async function open({ url, max, options }: Request): Promise<Opened> {
  const made = reprise(options)
  let sessions = 0
  class Client extends made.Client {
    constructor(...parameters: ConstructorParameters<typeof made.Client>) {
      super(...parameters)
      sessions++
    }
  }
  const store = new KeyvPostgres({ uri: url, max, ...made, Client } as never)
  const keyv = new Keyv({ store: store as never })
  keyv.on('error', console.error)
  await keyv.get('nothing')
  await writeDown(url, 'keyv', "split_part(new.key, ':', 2)::uuid")
  const insert = async ({ token }: Transfer): Promise<void> => {
    if (!(await keyv.set(token, token))) throw new Error('was not set')
    if ((await keyv.get(token)) !== token) throw new Error('is not there')
  }
  return {
    // It keeps its pool to itself.
    reprised: sessions > 0,
    transfer: insert,
    insert,
    close: () => keyv.disconnect(),
  }
}
