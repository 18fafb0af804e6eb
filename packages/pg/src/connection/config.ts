import type { ClientConfig } from 'pg'

/** A copy of a configuration with one option set, hidden ones included: pools hide passwords and keys. */
export function withOption(config: ClientConfig, name: string, value: unknown): ClientConfig {
  const own = Object.getOwnPropertyDescriptors(config)
  const copy: ClientConfig = Object.create(Object.getPrototypeOf(config), own)
  return Object.defineProperty(copy, name, { value })
}
