import { diagnose, reprise, rerunnable } from '@reprise/typeorm'
import { DataSource, EntitySchema, type MigrationInterface, type QueryRunner } from 'typeorm'

class Account {
  id!: number
  balance!: number
  version!: number
}

export class Transfer {
  token!: string
  source!: number
  target!: number
  amount!: number
}

const AccountSchema = new EntitySchema<Account>({
  name: 'Account',
  target: Account,
  tableName: 'account',
  columns: {
    id: { type: 'int', primary: true },
    balance: { type: 'bigint', transformer: { from: Number, to: String } },
    version: { type: 'int', version: true },
  },
})

const TransferSchema = new EntitySchema<Transfer>({
  name: 'Transfer',
  target: Transfer,
  tableName: 'transfer',
  columns: {
    token: { type: 'uuid', primary: true },
    source: { type: 'int' },
    target: { type: 'int' },
    amount: { type: 'int' },
  },
})

class CreateTables1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'create table if not exists account (id int primary key, balance bigint not null, version int not null)',
    )
    await runner.query(
      'create table if not exists transfer (token uuid primary key, source int not null, target int not null, amount int not null)',
    )
    await runner.query(
      'insert into account select id, 1000, 1 from generate_series(1, 10) id on conflict do nothing',
    )
  }

  async down(): Promise<void> {}
}

/** The one line that makes the difference is `reprise()`. */
export function openBank(url: string): Promise<DataSource> {
  const source = new DataSource(
    reprise({
      type: 'postgres',
      url,
      poolSize: 5,
      entities: [AccountSchema, TransferSchema],
      migrations: [CreateTables1700000000000],
      migrationsRun: true,
      logging: ['warn'],
    }),
  )
  return source.initialize()
}

/** Moves money, once. Nothing in the callback reaches beyond its transaction, so it may be run again. */
export function transfer(source: DataSource, order: Transfer): Promise<void> {
  return source.transaction(
    rerunnable(async (manager) => {
      const from = await manager.findOneByOrFail(Account, { id: order.source })
      if (from.balance < order.amount) throw new RangeError('insufficient funds')
      // In ascending order, so that two transfers may wait for each other but never deadlock.
      const changes = [
        { id: order.source, by: -order.amount },
        { id: order.target, by: order.amount },
      ].sort((a, b) => a.id - b.id)
      for (const { id, by } of changes) await manager.increment(Account, { id }, 'balance', by)
      await manager.insert(Transfer, order)
    }),
  )
}

/** What a client may be told about a transfer that failed. */
export function explain(error: unknown): { status: number; body: object } {
  if (error instanceof RangeError) return { status: 409, body: { error: error.message } }
  const diagnosis = diagnose(error)
  if (diagnosis === undefined) return { status: 500, body: { error: String(error) } }
  const { outcome, condition, advice } = diagnosis
  return { status: 503, body: { outcome, condition, advice } }
}
