import { reprise as atPool } from '@reprise/pg'
import { isReprised, reprise, repriseSubscriber, rerunnable } from '@reprise/typeorm'
import { DataSource, EntitySchema } from 'typeorm'
import { changes, type Opened, type Request, type Transfer, think } from './opened.ts'

interface Account {
  id: number
  balance: string
  version: number
}

const AccountEntity = new EntitySchema<Account>({
  name: 'account',
  columns: {
    id: { type: 'int', primary: true },
    balance: { type: 'bigint' },
    version: { type: 'int', version: true },
  },
})

const TransferEntity = new EntitySchema<Transfer>({
  name: 'transfer',
  columns: {
    token: { type: 'uuid', primary: true },
    source: { type: 'int' },
    target: { type: 'int' },
    amount: { type: 'int' },
  },
})

export async function open({ url, door, max, options }: Request): Promise<Opened> {
  const config = {
    type: 'postgres' as const,
    url,
    poolSize: max,
    entities: [AccountEntity, TransferEntity],
  }
  const source = new DataSource(
    door === 'door'
      ? reprise(config, options)
      : door === 'subscriber'
        ? { ...config, subscribers: [repriseSubscriber(options)] }
        : { ...config, extra: atPool(options) },
  )
  await source.initialize()
  return {
    reprised: isReprised(source),
    async transfer(order) {
      await source.transaction(
        rerunnable(async (manager) => {
          await manager.findOneByOrFail(AccountEntity, { id: order.source })
          await think()
          for (const [id, by] of changes(order)) {
            await manager.increment(AccountEntity, { id }, 'balance', by)
          }
          await manager.insert(TransferEntity, { ...order })
        }),
      )
    },
    async insert(order) {
      await source.manager.insert(TransferEntity, { ...order })
    },
    close: () => source.destroy(),
  }
}
