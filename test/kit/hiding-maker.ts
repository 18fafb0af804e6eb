/** Collects what has to be created to hide a write, and gives names to it. */
export class Maker {
  /** What has to be created, in this order. */
  readonly statements: string[] = []
  #names = 0

  /** A name that nothing has yet. */
  name(): string {
    return `app.h${++this.#names}`
  }

  /** Has something created. */
  create(sql: string): void {
    this.statements.push(sql)
  }

  /** Whether a statement with this in it is there already. */
  has(part: string): boolean {
    return this.statements.some((sql) => sql.includes(part))
  }

  /** A function of no parameters, or of those given, that answers an int expression; returns its name. */
  function(body: string, how = 'LANGUAGE plpgsql', parameters = '', name = this.name()): string {
    const text = how.includes('plpgsql') ? `BEGIN RETURN (${body}); END` : `SELECT ${body}`
    this.create(`CREATE FUNCTION ${name}(${parameters}) RETURNS int ${how} AS $f$${text}$f$`)
    return name
  }
}
