import type { Maker } from './hiding-maker.ts'

const insert = 'INSERT INTO app.ledger VALUES (1)'

function writer(make: Maker, returns: 'trigger' | 'int', answer: string, parameters = ''): string {
  const name = make.name()
  make.create(
    `CREATE FUNCTION ${name}(${parameters}) RETURNS ${returns} LANGUAGE plpgsql AS
     $f$BEGIN ${insert}; RETURN ${answer}; END$f$`,
  )
  return name
}

/** A statement that has one row written to the ledger, by itself or by what it sets off. */
type Write = (make: Maker) => string

/** Writes that something in the database does. */
export const writes: Readonly<Record<string, Write>> = {
  'an INSERT': () => insert,
  'a data-modifying WITH': () =>
    `WITH w AS (${insert} RETURNING n) INSERT INTO app.one SELECT n FROM w WHERE n = 0`,
  'a MERGE': () =>
    'MERGE INTO app.ledger l USING app.one o ON false WHEN NOT MATCHED THEN INSERT VALUES (o.n)',
  'a text that is put together': () => `EXECUTE 'INSERT INTO app.' || 'ledger VALUES (1)'`,
  'a trigger that drops the row': (make) => {
    const name = make.name()
    make.create(`CREATE TABLE ${name} (n int); CREATE TRIGGER t BEFORE INSERT ON ${name}
      FOR EACH ROW EXECUTE FUNCTION ${writer(make, 'trigger', 'NULL')}()`)
    return `INSERT INTO ${name} VALUES (1)`
  },
  'a trigger behind a cascade': (make) => {
    const parent = make.name()
    const child = make.name()
    const fires = writer(make, 'trigger', 'OLD')
    make.create(`CREATE TABLE ${parent} (id int PRIMARY KEY);
      CREATE TABLE ${child} (id int REFERENCES ${parent} ON DELETE CASCADE);
      CREATE TRIGGER t AFTER DELETE ON ${child} FOR EACH ROW EXECUTE FUNCTION ${fires}();
      INSERT INTO ${parent} SELECT generate_series(1, 500);
      INSERT INTO ${child} SELECT id FROM ${parent}`)
    return `DELETE FROM ${parent} WHERE id = (SELECT min(id) FROM ${parent})`
  },
  'an INSTEAD OF trigger of a view': (make) => {
    const name = make.name()
    make.create(`CREATE VIEW ${name} AS SELECT 1 AS n; CREATE TRIGGER t INSTEAD OF INSERT ON ${name}
      FOR EACH ROW EXECUTE FUNCTION ${writer(make, 'trigger', 'NEW')}()`)
    return `INSERT INTO ${name} VALUES (1)`
  },
  'a rule of a view': (make) => {
    const name = make.name()
    make.create(`CREATE VIEW ${name} AS SELECT 1 AS n;
      CREATE RULE r AS ON INSERT TO ${name} DO INSTEAD ${insert}`)
    return `INSERT INTO ${name} VALUES (1)`
  },
  'a rule besides': (make) => {
    const name = make.name()
    make.create(
      `CREATE TABLE ${name} (n int); CREATE RULE r AS ON INSERT TO ${name} DO ALSO ${insert}`,
    )
    return `INSERT INTO ${name} VALUES (1)`
  },
  'the default of a column': (make) => {
    const name = make.name()
    make.create(`CREATE TABLE ${name} (n int DEFAULT ${writer(make, 'int', '1')}())`)
    return `INSERT INTO ${name} DEFAULT VALUES`
  },
  'a CHECK of a table': (make) => {
    const name = make.name()
    make.create(`CREATE TABLE ${name} (n int CHECK (${writer(make, 'int', '1', 'p int')}(n) = 1))`)
    return `INSERT INTO ${name} VALUES (1)`
  },
  'a generated column': (make) => {
    const name = make.name()
    const pure = make.function(
      `${writer(make, 'int', '1', 'p int')}(p)`,
      'IMMUTABLE LANGUAGE plpgsql',
      'p int',
    )
    make.create(`CREATE TABLE ${name} (n int, m int GENERATED ALWAYS AS (${pure}(n)) STORED)`)
    return `INSERT INTO ${name} VALUES (1)`
  },
  'an expression of an index': (make) => {
    const name = make.name()
    const pure = make.function(
      `${writer(make, 'int', '1', 'p int')}(p)`,
      'IMMUTABLE LANGUAGE plpgsql',
      'p int',
    )
    make.create(`CREATE TABLE ${name} (n int); CREATE INDEX ON ${name} (${pure}(n))`)
    return `INSERT INTO ${name} VALUES (1)`
  },
}
