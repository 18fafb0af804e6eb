import type { Maker } from './hiding-maker.ts'

/** Puts an expression that writes into another one, with the same value, which is evaluated as often. */
type Cover = (make: Maker, expression: string) => string

/** Ways to hide that an expression writes. */
export const covers: Readonly<Record<string, Cover>> = {
  'a function that says it is STABLE': (make, e) =>
    `${make.function(e, 'STABLE LANGUAGE plpgsql')}()`,
  'one that says it is IMMUTABLE': (make, e) =>
    `${make.function(e, 'IMMUTABLE LANGUAGE plpgsql')}()`,
  'a function of SQL': (make, e) => `${make.function(e, 'LANGUAGE sql')}()`,
  'a SECURITY DEFINER function': (make, e) =>
    `${make.function(e, 'SECURITY DEFINER LANGUAGE plpgsql')}()`,
  'one of several overloads': (make, e) => {
    const name = make.function(e, 'LANGUAGE plpgsql', 'p int')
    make.function('1', 'LANGUAGE plpgsql', 'p text', name)
    return `${name}(1)`
  },
  'a namesake of abs()': (make, e) => {
    if (make.has('app.abs(')) return `(${e})`
    make.function(e, 'LANGUAGE plpgsql', 'p int', 'app.abs')
    return 'abs(1)'
  },
  'a default argument': (make, e) =>
    `${make.function('p', 'LANGUAGE sql', `p int DEFAULT ${make.function(e)}()`)}()`,
  'a text that a function executes': (make, e) => {
    const name = make.name()
    make.create(`CREATE FUNCTION ${name}() RETURNS int LANGUAGE plpgsql AS $f$DECLARE r int;
      BEGIN EXECUTE ${literal(`SELECT ${e}`)} INTO r; RETURN r; END$f$`)
    return `${name}()`
  },
  'a view': (make, e) => {
    const name = make.name()
    make.create(`CREATE VIEW ${name} AS SELECT ${e} AS n`)
    return `(SELECT n FROM ${name})`
  },
  'an operator': (make, e) => {
    const operator = `#${'#'.repeat(make.statements.length)}@`
    make.create(`CREATE OPERATOR app.${operator}
      (FUNCTION = ${make.function(e, 'LANGUAGE plpgsql', 'p int')}, RIGHTARG = int)`)
    return `(${operator} 1)`
  },
  'a namesake of the operator %': (make, e) => {
    if (make.has('OPERATOR app.%')) return `(${e})`
    const called = make.function(e, 'LANGUAGE plpgsql', 'p int, q int')
    make.create(`CREATE OPERATOR app.% (FUNCTION = ${called}, LEFTARG = int, RIGHTARG = int)`)
    return '(1 % 2)'
  },
  'a cast': (make, e) => {
    const type = make.name()
    make.create(`CREATE TYPE ${type} AS (n int)`)
    const called = make.function(e, 'LANGUAGE plpgsql', `p ${type}`)
    make.create(`CREATE CAST (${type} AS int) WITH FUNCTION ${called}(${type})`)
    return `CAST(ROW(1)::${type} AS int)`
  },
  'the CHECK of a domain': (make, e) => {
    const domain = make.name()
    const called = make.function(e, 'LANGUAGE plpgsql', 'p int')
    make.create(`CREATE DOMAIN ${domain} AS int CHECK (${called}(VALUE) = 1)`)
    return `(1::${domain})::int`
  },
  'a policy of row-level security': (make, e) => {
    const name = make.name()
    make.create(`CREATE TABLE ${name} AS SELECT 1 AS n;
      ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      CREATE POLICY p ON ${name} USING ((${e}) IS NOT NULL)`)
    return `(SELECT n FROM ${name})`
  },
  'an aggregate': (make, e) => `(SELECT ${aggregate(make, e)}(n) FROM app.one)`,
  'a window function': (make, e) =>
    `(SELECT ${aggregate(make, e)}(n) OVER (ROWS UNBOUNDED PRECEDING) FROM app.one)`,
  'a function in FROM': (make, e) => `(SELECT n FROM ${set(make, e)}() AS n)`,
  LATERAL: (_make, e) =>
    `(SELECT n FROM app.one AS a(m), LATERAL (SELECT ${e} AS n OFFSET 0) AS b)`,
  'a WITH': (_make, e) => `(WITH w AS MATERIALIZED (SELECT ${e} AS n) SELECT n FROM w)`,
  'a text that query_to_xml() executes': (_make, e) =>
    `sign(length(query_to_xml(${literal(`SELECT ${e} AS n`)}, true, false, '')::text))::int`,
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function aggregate(make: Maker, e: string): string {
  const name = make.name()
  const step = make.function(e, 'LANGUAGE plpgsql', 'p int, q int')
  make.create(`CREATE AGGREGATE ${name}(int) (SFUNC = ${step}, STYPE = int, INITCOND = '0')`)
  return name
}

function set(make: Maker, e: string): string {
  const name = make.name()
  make.create(`CREATE FUNCTION ${name}() RETURNS SETOF int LANGUAGE plpgsql AS
    $f$BEGIN RETURN QUERY SELECT ${e}; END$f$`)
  return name
}
