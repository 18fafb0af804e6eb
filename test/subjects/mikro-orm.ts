import { defineEntity, type EntityManager, MikroORM, p, raw } from '@mikro-orm/postgresql'
import { reprise as throughDoor } from '@reprise/mikro-orm'
import { declared, door } from './door.ts'
import type { Operations, Row, Subject } from './subject.ts'
import { withTransfer } from './transfer.ts'

const Account = defineEntity({
  name: 'Account',
  tableName: 'account',
  properties: {
    id: p.integer().primary(),
    balance: p.bigint('number'),
    version: p.integer().version(),
  },
})

const Transfer = defineEntity({
  name: 'Transfer',
  tableName: 'transfer',
  properties: {
    token: p.uuid().primary(),
    source: p.integer(),
    target: p.integer(),
    amount: p.integer(),
  },
})

/** MikroORM: a fork for each piece of work, `transactional`, and `driverOptions` for what goes to the pool. */
export const mikroOrm: Subject = {
  name: 'mikro-orm',
  async open({ url, reprise, max = 10, through = 'line', rerunnable }) {
    const options = { clientUrl: url, entities: [Account, Transfer], pool: { max } }
    const orm = await MikroORM.init(
      reprise === false || through === 'line'
        ? { ...options, driverOptions: door(reprise) }
        : throughDoor(options, reprise),
    )
    return withTransfer({
      ...operations(() => orm.em.fork()),
      transaction: (work) =>
        orm.em
          .fork()
          .transactional(declared(rerunnable, (em: EntityManager) => work(operations(() => em)))),
      close: () => orm.close(),
    })
  },
}

function operations(manager: () => EntityManager): Operations {
  return {
    async read(id) {
      const { balance, version } = await manager().findOneOrFail(Account, id, { refresh: true })
      return { id, balance, version }
    },
    async add(id, by) {
      // the version column is raised by MikroORM
      await manager().nativeUpdate(Account, { id }, { balance: raw<number>('balance + ?', [by]) })
    },
    async insert({ token, source, target, amount }) {
      const em = manager()
      em.create(Transfer, { token, source, target, amount })
      await em.flush()
    },
    raw: (sql) => manager().execute<Row[]>(sql),
  }
}
