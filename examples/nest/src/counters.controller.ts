import { Controller, Get } from '@nestjs/common'
import { type Counters, counters } from '@reprise/typeorm'

@Controller('counters')
export class CountersController {
  /** What was lost, mended and surfaced since the process started: for a monitor, and for the drill. */
  @Get()
  tell(): Counters {
    return counters('bank')
  }
}
