import { type ArgumentsHost, Catch, ServiceUnavailableException } from '@nestjs/common'
import { BaseExceptionFilter } from '@nestjs/core'
import { diagnose } from '@reprise/typeorm'

/** What a client is told of work that was lost after all: 503, and what became of it. */
@Catch()
export class LossFilter extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    const loss = diagnose(error)
    super.catch(loss === undefined ? error : new ServiceUnavailableException(loss), host)
  }
}
