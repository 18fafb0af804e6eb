import { Body, Controller, Post } from '@nestjs/common'
import type { Transfer } from './bank.entities.ts'
import { type Order, TransfersService } from './transfers.service.ts'

@Controller('transfers')
export class TransfersController {
  constructor(private readonly transfers: TransfersService) {}

  @Post()
  make(@Body() order: Order): Promise<Transfer> {
    return this.transfers.make(order)
  }
}
