import { Controller, Get } from '@nestjs/common'
import { failFast } from '@reprise/typeorm'
import { DataSource } from 'typeorm'

@Controller('health')
export class HealthController {
  constructor(private readonly dataSource: DataSource) {}

  /** Requests wait for a server that restarts; whoever asks how it is must not. */
  @Get()
  async check(): Promise<{ status: 'up' }> {
    await failFast(() => this.dataSource.query('SELECT 1'))
    return { status: 'up' }
  }
}
