import { defineEntity, MikroORM, type Options, p } from '@mikro-orm/postgresql'
import { type RepriseOptions, reprise } from '../src/index.ts'
import type { Database } from './database.ts'

export const Account = defineEntity({
  name: 'Account',
  properties: {
    id: p.integer().primary(),
    balance: p.integer(),
    version: p.integer().version(),
  },
})

export const Transfer = defineEntity({
  name: 'Transfer',
  properties: { token: p.uuid().primary(), amount: p.integer() },
})

/** An ORM through the door, over accounts 1 and 2 of 1000 each and no transfer. */
export async function open(
  database: Database,
  options: RepriseOptions = {},
  more: Options = {},
): Promise<MikroORM> {
  const orm = await MikroORM.init(
    reprise({ clientUrl: database.url, entities: [Account, Transfer], ...more }, options),
  )
  await database.sql(`
    create table if not exists account
      (id int primary key, balance int not null, version int not null default 1);
    create table if not exists transfer (token uuid primary key, amount int not null);
    truncate account, transfer;
    insert into account values (1, 1000), (2, 1000)`)
  await orm.connect()
  return orm
}
