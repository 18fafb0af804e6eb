import { EntitySchema, MikroORM, raw } from '@mikro-orm/postgresql'
import { isReprised, reprise, rerunnable } from '@reprise/mikro-orm'
import { reprise as atPool } from '@reprise/pg'
import { changes, type Opened, type Request, type Transfer, think } from './opened.ts'

interface Account {
  id: number
  balance: string
  version: number
}

const AccountEntity = new EntitySchema<Account>({
  name: 'Account',
  tableName: 'account',
  properties: {
    id: { type: 'integer', primary: true },
    balance: { type: 'bigint' },
    version: { type: 'integer', version: true },
  },
})

const TransferEntity = new EntitySchema<Transfer>({
  name: 'Transfer',
  tableName: 'transfer',
  properties: {
    token: { type: 'uuid', primary: true },
    source: { type: 'integer' },
    target: { type: 'integer' },
    amount: { type: 'integer' },
  },
})

export async function open({ url, door, max, options }: Request): Promise<Opened> {
  const config = {
    clientUrl: url,
    entities: [AccountEntity, TransferEntity],
    pool: { min: 0, max },
  }
  const orm = await MikroORM.init(
    door === 'door' ? reprise(config, options) : { ...config, driverOptions: atPool(options) },
  )
  return {
    reprised: isReprised(orm),
    async transfer(order) {
      await orm.em.fork().transactional(
        rerunnable(async (em) => {
          await em.findOneOrFail(AccountEntity, { id: order.source })
          await think()
          for (const [id, by] of changes(order)) {
            await em.nativeUpdate(
              AccountEntity,
              { id },
              { balance: raw('balance + ?', [by]) as unknown as string },
            )
          }
          em.create(TransferEntity, order)
          await em.flush()
        }),
      )
    },
    async insert(order) {
      const em = orm.em.fork()
      em.create(TransferEntity, order)
      await em.flush()
    },
    close: () => orm.close(),
  }
}
