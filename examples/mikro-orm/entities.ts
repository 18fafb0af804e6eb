import { defineEntity, p } from '@mikro-orm/postgresql'

export const Account = defineEntity({
  name: 'Account',
  properties: {
    id: p.integer().primary(),
    balance: p.bigint('number'),
    version: p.integer().version(),
  },
})

/** The client makes the token, so that it can ask about its transfer by it. */
export const Transfer = defineEntity({
  name: 'Transfer',
  properties: {
    token: p.uuid().primary(),
    source: p.integer(),
    target: p.integer(),
    amount: p.integer(),
  },
})
