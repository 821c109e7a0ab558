import { and, desc, eq, isNull, or, sql } from 'drizzle-orm'
import type { Sealed, Sealer } from '../crypto.ts'
import type { Db } from './db.ts'
import { accounts, clients, grants, logins, vaults } from './schema.ts'
import { sessions } from './schema-running.ts'

/** Most rows that a list shows. */
const LIST_LIMIT = 1_000

// The outer columns are written out: drizzle leaves their table out of a select from one table, and the subquery has an `id` too.
const liveGrants = sql<number>`(SELECT count(*) FROM grants g WHERE g.revoked_at IS NULL AND g.client_id = clients.id)`
const liveSessions = sql<number>`(SELECT count(*) FROM sessions s WHERE s.ended_at IS NULL AND s.account_id = accounts.id)`

/** What the command line reads and writes; the running broker acts on what it writes within a second. */
export function adminStore(db: Db) {
  return {
    /** Clients, the newest first, with the number of accounts that let them in. */
    clients() {
      return db
        .select({
          id: clients.id,
          kind: clients.kind,
          name: clients.name,
          redirectUris: clients.redirectUris,
          createdAt: clients.createdAt,
          lastUsedAt: clients.lastUsedAt,
          revokedAt: clients.revokedAt,
          grants: liveGrants,
        })
        .from(clients)
        .orderBy(desc(clients.createdAt))
        .limit(LIST_LIMIT)
        .all()
    },

    /** The accounts that let a client in, and since when. */
    grantsOf(clientId: string) {
      return db
        .select({
          id: grants.id,
          login: accounts.login,
          scopes: grants.scopes,
          createdAt: grants.createdAt,
          revokedAt: grants.revokedAt,
        })
        .from(grants)
        .innerJoin(accounts, eq(accounts.id, grants.accountId))
        .where(eq(grants.clientId, clientId))
        .orderBy(desc(grants.createdAt))
        .limit(LIST_LIMIT)
        .all()
    },

    /** Accounts with the state of their vaults. */
    accounts() {
      return db
        .select({
          id: accounts.id,
          sub: accounts.sub,
          login: accounts.login,
          lastLoginAt: accounts.lastLoginAt,
          accessExpiresAt: vaults.accessExpiresAt,
          deadAt: vaults.deadAt,
          scopes: vaults.scopes,
          deadReason: vaults.deadReason,
          lastFailure: vaults.lastFailure,
          sessions: liveSessions,
        })
        .from(accounts)
        .leftJoin(vaults, eq(vaults.accountId, accounts.id))
        .orderBy(desc(accounts.lastLoginAt))
        .limit(LIST_LIMIT)
        .all()
    },

    /** The accounts with this id, login or `sub:ID`; several may have had the same login when they were last seen. */
    findAccounts(name: string): { id: string; sub: string; login: string }[] {
      return db
        .select({ id: accounts.id, sub: accounts.sub, login: accounts.login })
        .from(accounts)
        .where(
          or(
            eq(accounts.id, name),
            eq(accounts.login, name),
            eq(sql`'sub:' || ${accounts.sub}`, name),
          ),
        )
        .limit(LIST_LIMIT)
        .all()
    },

    /** Sessions that have not ended, the last used first; each is named by the start of its hash. */
    sessions() {
      return db
        .select({
          id: sessions.idHash,
          login: accounts.login,
          clientId: sessions.clientId,
          client: clients.name,
          protocolVersion: sessions.protocolVersion,
          createdAt: sessions.createdAt,
          lastUsedAt: sessions.lastUsedAt,
          calls: sessions.calls,
          awake: sql<number>`EXISTS (SELECT 1 FROM children c WHERE c.session_hash = sessions.id_hash)`,
        })
        .from(sessions)
        .innerJoin(accounts, eq(accounts.id, sessions.accountId))
        .leftJoin(clients, eq(clients.id, sessions.clientId))
        .where(isNull(sessions.endedAt))
        .orderBy(desc(sessions.lastUsedAt))
        .limit(LIST_LIMIT)
        .all()
    },

    /** Asks the broker to end the one session whose hash begins so; returns how many begin so. */
    requestClose(now: number, prefix: string): number {
      if (!/^[0-9a-f]{4,64}$/.test(prefix)) return 0
      const found = db
        .select({ id: sessions.idHash })
        .from(sessions)
        .where(and(sql`${sessions.idHash} LIKE ${`${prefix}%`}`, isNull(sessions.endedAt)))
        .limit(2)
        .all()
      const [one] = found
      if (one && found.length === 1) {
        db.update(sessions).set({ closeRequestedAt: now }).where(eq(sessions.idHash, one.id)).run()
      }
      return found.length
    },

    /** Seals everything anew with the sealer's current key; returns how many texts, and how many no key opens. */
    reseal(sealer: Sealer): { resealed: number; lost: number } {
      const outcome = { resealed: 0, lost: 0 }
      const again = (sealed: Sealed | null, context: string): Sealed | null => {
        if (sealed === null || sealer.isCurrent(sealed)) return sealed
        const text = sealer.open(sealed, context)
        if (text === undefined) outcome.lost += 1
        else outcome.resealed += 1
        return text === undefined ? sealed : sealer.seal(text, context)
      }
      for (const { accountId, sealedPair } of db.select().from(vaults).all()) {
        const sealed = again(sealedPair, `vaults.sealed_pair:${accountId}`)
        db.update(vaults).set({ sealedPair: sealed }).where(eq(vaults.accountId, accountId)).run()
      }
      for (const { ticketHash, sealedRequest, sealedPair } of db.select().from(logins).all()) {
        db.update(logins)
          .set({
            sealedRequest:
              again(sealedRequest, `logins.sealed_request:${ticketHash}`) ?? sealedRequest,
            sealedPair: again(sealedPair, `logins.sealed_pair:${ticketHash}`),
          })
          .where(eq(logins.ticketHash, ticketHash))
          .run()
      }
      return outcome
    },
  }
}
