/** `note(int)` says that it is IMMUTABLE, and leaves the time in the table `seen`. */
const note = `CREATE FUNCTION leave() RETURNS int LANGUAGE plpgsql AS
 $$BEGIN INSERT INTO seen VALUES (now()); RETURN 1; END$$;
CREATE FUNCTION note(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN leave(); END$$;`

/** Ways to see the time of a transaction that lie in what a table or a type is made of. */
export const schemaWays: readonly { name: string; schema: string; text: string }[] = [
  {
    name: 'an expression of an index',
    schema: `${note} CREATE TABLE item (id int); CREATE INDEX ON item (note(id));`,
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'the condition of an index',
    schema: `${note} CREATE TABLE item (id int); CREATE INDEX ON item (id) WHERE note(id) = 1;`,
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'an exclusion constraint',
    schema: `${note} CREATE TABLE item (id int, EXCLUDE (note(id) WITH =));`,
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'a key of partitions',
    schema: `${note} CREATE TABLE item (id int) PARTITION BY RANGE (note(id));
CREATE TABLE part PARTITION OF item FOR VALUES FROM (0) TO (10);`,
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'a key of partitions, by the name of one',
    schema: `${note} CREATE TABLE item (id int) PARTITION BY RANGE (note(id));
CREATE TABLE part PARTITION OF item FOR VALUES FROM (0) TO (10);`,
    text: 'INSERT INTO part VALUES (1)',
  },
  {
    name: 'a CHECK of a table',
    schema: `${note} CREATE TABLE item (id int CHECK (note(id) = 1));`,
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'a CHECK of a table that compares',
    schema: `CREATE TABLE item (id int, at timestamptz CHECK (at <= now()));`,
    text: 'INSERT INTO item SELECT 1, max(at) FROM seen',
  },
  {
    name: 'a generated column',
    schema: `${note} CREATE TABLE item (id int, noted int GENERATED ALWAYS AS (note(id)) STORED);`,
    text: 'INSERT INTO item VALUES (1)',
  },
  {
    name: 'a foreign key that sets a default',
    schema: `CREATE TABLE parent (at date PRIMARY KEY);
INSERT INTO parent SELECT CURRENT_DATE + g FROM generate_series(-2, 2) g;
CREATE TABLE item (at date DEFAULT CURRENT_DATE REFERENCES parent ON DELETE SET DEFAULT);
INSERT INTO item SELECT CURRENT_DATE - 2;`,
    text: 'DELETE FROM parent WHERE at = (SELECT min(at) FROM parent)',
  },
  {
    name: 'a foreign key that sets a default by a function',
    schema: `${note} CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1), (2);
CREATE TABLE item (id int DEFAULT leave() REFERENCES parent ON DELETE SET DEFAULT ON UPDATE SET DEFAULT);
INSERT INTO item VALUES (2);`,
    text: 'UPDATE parent SET id = 3 WHERE id = 2',
  },
  {
    name: 'the input of a type',
    schema: `CREATE TYPE stamp;
CREATE FUNCTION stamp_in(cstring, oid, int) RETURNS stamp IMMUTABLE STRICT LANGUAGE internal AS 'timestamptz_in';
CREATE FUNCTION stamp_out(stamp) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'timestamptz_out';
CREATE TYPE stamp (INPUT = stamp_in, OUTPUT = stamp_out, LIKE = timestamptz);
CREATE CAST (stamp AS timestamptz) WITHOUT FUNCTION;`,
    text: "INSERT INTO seen SELECT CAST(CAST(reverse('won') AS stamp) AS timestamptz)",
  },
]
