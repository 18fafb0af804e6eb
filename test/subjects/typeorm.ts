import { reprise as throughDoor } from '@reprise/typeorm'
import { DataSource, type DataSourceOptions, type EntityManager, EntitySchema } from 'typeorm'
import { declared, door } from './door.ts'
import type { Account, Operations, Subject, Transfer } from './subject.ts'
import { withTransfer } from './transfer.ts'

const AccountEntity = new EntitySchema<Account>({
  name: 'account',
  columns: {
    id: { type: 'int', primary: true },
    balance: { type: 'bigint', transformer: { from: Number, to: String } },
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

/** TypeORM: a DataSource, its EntityManager, and `extra` for what goes to the pool. */
export const typeorm: Subject = {
  name: 'typeorm',
  async open({ url, reprise, max = 10, through = 'line', rerunnable }) {
    const options: DataSourceOptions = {
      type: 'postgres',
      url,
      poolSize: max,
      entities: [AccountEntity, TransferEntity],
    }
    const source = new DataSource(
      reprise === false || through === 'line'
        ? { ...options, extra: door(reprise) }
        : throughDoor(options, reprise),
    )
    await source.initialize()
    return withTransfer({
      ...operations(source.manager),
      transaction: (work) =>
        source.transaction(declared(rerunnable, (manager) => work(operations(manager)))),
      close: () => source.destroy(),
    })
  },
}

function operations(manager: EntityManager): Operations {
  return {
    read: (id) => manager.findOneByOrFail(AccountEntity, { id }),
    async add(id, by) {
      // the version column is raised by TypeORM
      await manager.update(AccountEntity, { id }, { balance: () => `balance + (${by})` })
    },
    async insert({ token, source, target, amount }) {
      await manager.insert(TransferEntity, { token, source, target, amount })
    },
    raw: (sql) => manager.query(sql),
  }
}
