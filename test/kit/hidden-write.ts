import { covers } from './hiding-covers.ts'
import { Maker } from './hiding-maker.ts'
import { shapes } from './hiding-shapes.ts'
import { writes } from './hiding-writes.ts'

/** A statement that looks like a read, and writes one row of `app.ledger` each time it is executed. */
export interface HiddenWrite {
  /** How it is hidden, from the write outwards. */
  readonly name: string
  /** What has to exist, in the schema `app` that {@link hidingPlace} made. */
  readonly setup: string
  /** What has to be said in the session first, if anything. */
  readonly before: string | undefined
  readonly text: string
}

/**
 * Makes the schema `app` anew, with an empty `ledger`, one row in `one`, and `gate()`, which every
 * hidden write passes before it writes: it waits while somebody else holds the advisory lock 11.
 */
export const hidingPlace = `DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app;
CREATE TABLE app.ledger (n int); CREATE TABLE app.one AS SELECT 1 AS n;
CREATE FUNCTION app.gate() RETURNS void LANGUAGE plpgsql AS
 $$BEGIN PERFORM pg_advisory_xact_lock_shared(11); END$$;`

/**
 * Hides a write in a function, that under covers, from the innermost outwards, and these in a
 * statement.
 */
export function hide(write: string, under: readonly string[], shape: string): HiddenWrite {
  const make = new Maker()
  const name = make.name()
  const written = pick(writes, write)(make)
  make.create(`CREATE FUNCTION ${name}() RETURNS int LANGUAGE plpgsql AS
    $f$BEGIN PERFORM app.gate(); ${written}; RETURN 1; END$f$`)
  let expression = `${name}()`
  for (const cover of under) expression = pick(covers, cover)(make, expression)
  const made = pick(shapes, shape)(make, expression)
  const { before, text } = typeof made === 'string' ? { before: undefined, text: made } : made
  return {
    name: [write, ...under, shape].join(', in '),
    setup: make.statements.join(';\n'),
    before,
    text,
  }
}

function pick<T>(from: Readonly<Record<string, T>>, name: string): T {
  const found = from[name]
  if (found === undefined) throw new Error(`There is no way to hide a write called ${name}`)
  return found
}
