import pg from 'pg'

/**
 * Has every row that is written to a table of a library's own put its token into the ledger.
 * @param token SQL that finds it in the row, `new`
 */
export async function writeDown(url: string, table: string, token: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`
    CREATE FUNCTION write_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO transfer (token, source, target, amount) VALUES (${token}, 1, 2, 0);
      RETURN new;
    END $$;
    CREATE TRIGGER write_down AFTER INSERT OR UPDATE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION write_down()`)
  await client.end()
}
