import { eq, sql } from 'drizzle-orm'
import type { Db } from './db.ts'
import { facts } from './schema-running.ts'

/** The facts that the store keeps about itself and about Forgejo. */
export type FactName = 'key_check' | 'forgejo_version'

/** One value per name. */
export function factStore(db: Db) {
  const find = db
    .select({ value: facts.value })
    .from(facts)
    .where(eq(facts.name, sql.placeholder('name')))
    .prepare()
  return {
    get(name: FactName): string | undefined {
      return find.get({ name })?.value
    },

    /** Forgets a fact. */
    clear(name: FactName): void {
      db.delete(facts).where(eq(facts.name, name)).run()
    },

    /** Sets a fact at `now` (epoch ms). */
    set(now: number, name: FactName, value: string): void {
      db.insert(facts)
        .values({ name, value, updatedAt: now })
        .onConflictDoUpdate({ target: facts.name, set: { value, updatedAt: now } })
        .run()
    },
  }
}
