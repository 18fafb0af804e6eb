/** The microseconds from 1970 to 2000, where PostgreSQL's time begins. */
const epoch = 946_684_800_000_000n

/**
 * Asks for a timestamptz so that its text is the same whatever DateStyle, TimeZone, bytea_output and
 * extra_float_digits are: its eight bytes in hexadecimal. It costs less than any text of it that is
 * made for people.
 */
export function bytesOf(expression: string): string {
  return `pg_catalog.encode(pg_catalog.timestamptz_send(${expression}), 'hex')`
}

/**
 * Reads what {@link bytesOf} answered.
 * @returns an instant, so written that every DateStyle and TimeZone reads it the same way; undefined
 *   for what is none, as infinity
 */
export function instantOf(bytes: string | undefined): string | undefined {
  if (bytes === undefined || !/^[0-9a-f]{16}$/.test(bytes)) return undefined
  const micros = BigInt.asIntN(64, BigInt(`0x${bytes}`)) + epoch
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const whole = new Date(Number((micros - rest) / 1000n))
  if (Number.isNaN(whole.getTime())) return undefined
  return `${whole.toISOString().slice(0, -'.000Z'.length)}.${String(rest).padStart(6, '0')}+00:00`
}
