import type { Logger } from 'typeorm'

/** A logger of the application's own, that keeps what it is told. */
export class Lines implements Logger {
  readonly warnings: string[] = []
  readonly errors: unknown[] = []

  logQuery(): void {}

  logQueryError(error: string | Error): void {
    this.errors.push(error)
  }

  logQuerySlow(): void {}

  logSchemaBuild(): void {}

  logMigration(): void {}

  log(level: 'log' | 'info' | 'warn', message: unknown): void {
    if (level === 'warn') this.warnings.push(String(message))
  }
}
