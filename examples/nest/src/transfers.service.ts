import { ConflictException, Injectable } from '@nestjs/common'
import { rerunnable } from '@reprise/typeorm'
import { DataSource } from 'typeorm'
import { Account, Transfer } from './bank.entities.ts'
import { RequestContext } from './request-context.ts'

export type Order = Pick<Transfer, 'token' | 'source' | 'target' | 'amount'>

@Injectable()
export class TransfersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly context: RequestContext,
  ) {}

  /** Moves money, once. Nothing in the callback reaches beyond its transaction, so it may be run again. */
  make(order: Order): Promise<Transfer> {
    return this.dataSource.transaction(
      rerunnable(async (manager) => {
        const from = await manager.findOneByOrFail(Account, { id: order.source })
        if (from.balance < order.amount) throw new ConflictException('insufficient funds')
        // In ascending order, so that two transfers may wait for each other but never deadlock.
        const changes = [
          { id: order.source, by: -order.amount },
          { id: order.target, by: order.amount },
        ].sort((a, b) => a.id - b.id)
        for (const { id, by } of changes) await manager.increment(Account, { id }, 'balance', by)
        return manager.save(Transfer, { ...order, requestId: this.context.id })
      }),
    )
  }
}
