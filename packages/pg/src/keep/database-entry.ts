import type { Raw } from '../connection/wire.ts'

/** Asks by which transaction a database's own entry was written, in 32 bits, and for the next one's id. */
export const entryColumns = `(SELECT xmin::text FROM pg_database WHERE datname = current_database()),
 pg_snapshot_xmax(pg_current_snapshot())::text`

/** What the server has of a database by its name: it is written when the database is made, or named so. */
export class DatabaseEntry {
  readonly #written: Raw
  readonly #next: Raw

  /** @param columns what {@link entryColumns} answered */
  constructor([written = null, next = null]: readonly Raw[]) {
    this.#written = written
    this.#next = next
  }

  /**
   * Whether it was written after that id was drawn. Another database of the same name has sequences of its
   * own, and a copy of a template has the same tables.
   *
   * @param xid of what has drawn none nobody can say when it was
   */
  isNewerThan(xid: string | null): boolean {
    if (xid === null) return false
    if (typeof this.#written !== 'string' || typeof this.#next !== 'string') return true
    // Of one that was written long ago nothing but these bits is left: it may not look like the future.
    const first = BigInt(xid)
    return BigInt.asUintN(32, BigInt(this.#written) - first) < BigInt(this.#next) - first
  }
}
