import { createDatabase, OwnDatabase } from '../../../test/kit/index.ts'

/** An empty database on the shared server. */
export class Database extends OwnDatabase {
  static async create(serverUrl: string): Promise<Database> {
    return new Database(await createDatabase(serverUrl))
  }
}
