import { randomUUID } from 'node:crypto'
import { type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common'
import { APP_FILTER } from '@nestjs/core'
import { TypeOrmModule } from '@nestjs/typeorm'
import { reprise } from '@reprise/typeorm'
import { Account, Transfer } from './bank.entities.ts'
import { CountersController } from './counters.controller.ts'
import { HealthController } from './health.controller.ts'
import { LossFilter } from './loss.filter.ts'
import { RequestContext } from './request-context.ts'
import { TransfersController } from './transfers.controller.ts'
import { TransfersService } from './transfers.service.ts'

@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      useFactory: () => {
        const options = {
          type: 'postgres' as const,
          url: process.env.DATABASE_URL ?? 'postgres://localhost/bank',
          applicationName: 'bank',
          poolSize: 5,
          entities: [Account, Transfer],
          synchronize: true,
        }
        // The one line that makes the difference. REPRISE=off shows what it is without.
        return process.env.REPRISE === 'off' ? options : reprise(options, { poolName: 'bank' })
      },
    }),
  ],
  controllers: [TransfersController, HealthController, CountersController],
  providers: [TransfersService, RequestContext, { provide: APP_FILTER, useClass: LossFilter }],
})
export class AppModule implements NestModule {
  constructor(private readonly context: RequestContext) {}

  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply((request: Request, _response: unknown, next: () => void) =>
        this.context.run(request.headers['x-request-id'] ?? randomUUID(), next),
      )
      .forRoutes('*path')
  }
}

interface Request {
  readonly headers: Readonly<Record<string, string | undefined>>
}
