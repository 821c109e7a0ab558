import type { Database } from 'bun:sqlite'
import { drizzle } from 'drizzle-orm/bun-sqlite'

/** drizzle over an open database. */
export const connect = (sqlite: Database) => drizzle({ client: sqlite })

export type Db = ReturnType<typeof connect>
