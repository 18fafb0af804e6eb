import type { Maker } from './hiding-maker.ts'

/** A statement that evaluates the expression once. */
type Shape = (make: Maker, expression: string) => string | { before: string; text: string }

/** What a statement that seems to read may look like. */
export const shapes: Readonly<Record<string, Shape>> = {
  SELECT: (_make, e) => `SELECT ${e} AS n`,
  'SELECT in parentheses': (_make, e) => `(SELECT ${e} AS n)`,
  'SELECT behind a comment': (_make, e) => `-- only reads\n/* and /* this */ too */ SELECT ${e}`,
  VALUES: (_make, e) => `VALUES (${e})`,
  TABLE: (make, e) => {
    const name = make.name()
    make.create(`CREATE VIEW ${name} AS SELECT ${e} AS n`)
    return `TABLE ${name}`
  },
  WITH: (_make, e) => `WITH w AS (SELECT ${e} AS n) SELECT n FROM w`,
  'WITH RECURSIVE': (_make, e) =>
    `WITH RECURSIVE w(n) AS (SELECT ${e} UNION ALL SELECT n + 1 FROM w WHERE n < 3) SELECT n FROM w`,
  WHERE: (_make, e) => `SELECT n FROM app.one WHERE (${e}) IS NOT NULL`,
  CASE: (_make, e) => `SELECT CASE WHEN n = 1 THEN ${e} END FROM app.one`,
  'ORDER BY': (_make, e) => `SELECT n FROM app.one ORDER BY ${e} + n`,
  // The planner evaluates these once more, unless it sees that they are volatile.
  LIMIT: (make, e) => `SELECT n FROM app.one LIMIT ${make.function(e)}()`,
  OFFSET: (make, e) => `SELECT n FROM app.one OFFSET ${make.function(e)}()`,
  HAVING: (make, e) => `SELECT count(*) FROM app.one HAVING ${make.function(e)}() = 1`,
  DISTINCT: (_make, e) => `SELECT DISTINCT ${e} AS n`,
  'UNION ALL': (_make, e) => `SELECT n FROM app.one UNION ALL SELECT ${e}`,
  'a JOIN': (_make, e) => `SELECT n FROM app.one JOIN (SELECT ${e} AS m OFFSET 0) AS b ON m = n`,
  'an argument': (make, e) => `SELECT g FROM generate_series(1, ${make.function(e)}()) AS g`,
  FILTER: (_make, e) => `SELECT count(*) FILTER (WHERE (${e}) = n) FROM app.one`,
  'FOR UPDATE': (_make, e) => `SELECT ${e} AS n FROM app.one FOR UPDATE`,
  'EXPLAIN ANALYZE': (_make, e) => `EXPLAIN (ANALYZE, TIMING off, SUMMARY off) SELECT ${e}`,
  // Planning alone evaluates what says that it is IMMUTABLE.
  EXPLAIN: (make, e) => `EXPLAIN SELECT ${make.function(e, 'IMMUTABLE LANGUAGE plpgsql')}()`,
  EXECUTE: (_make, e) => ({ before: `PREPARE hidden AS SELECT ${e} AS n`, text: 'EXECUTE hidden' }),
}
