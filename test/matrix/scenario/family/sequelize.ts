import { isReprised, reprise, rerun } from '@reprise/pg'
import pg from 'pg'
import { DataTypes, literal, Sequelize, type Transaction } from 'sequelize'
import { changes, type Opened, type Request, think } from '../opened.ts'

/** Sequelize 6, which makes its clients from a module. */
export async function open({ url, door, max, options }: Request): Promise<Opened> {
  const sequelize = new Sequelize(url, {
    dialect: 'postgres',
    dialectModule: { ...pg, ...reprise(options) },
    pool: { max },
    logging: false,
  })
  const plain = { freezeTableName: true, timestamps: false }
  const Account = sequelize.define(
    'account',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      balance: DataTypes.BIGINT,
      version: DataTypes.INTEGER,
    },
    plain,
  )
  const Transfer = sequelize.define(
    'transfer',
    {
      token: { type: DataTypes.UUID, primaryKey: true },
      source: DataTypes.INTEGER,
      target: DataTypes.INTEGER,
      amount: DataTypes.INTEGER,
    },
    plain,
  )
  const { connectionManager } = sequelize
  const connection = await connectionManager.getConnection({ type: 'write' })
  const reprised = isReprised(connection)
  connectionManager.releaseConnection(connection)
  return {
    reprised,
    async transfer(order) {
      const work = async (transaction: Transaction): Promise<void> => {
        await Account.findByPk(order.source, { transaction })
        await think()
        for (const [id, by] of changes(order)) {
          await Account.update(
            { balance: literal(`balance + ${by}`), version: literal('version + 1') },
            { where: { id }, transaction },
          )
        }
        await Transfer.create({ ...order }, { transaction })
      }
      await (door === 'rerun' ? rerun(sequelize, work) : sequelize.transaction(work))
    },
    async insert(order) {
      await Transfer.create({ ...order })
    },
    close: () => sequelize.close(),
  }
}
