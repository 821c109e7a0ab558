import { and, eq, isNull, lt, or, sql } from 'drizzle-orm'
import type { Sealed, TokenHash } from '../crypto.ts'
import type { Db } from './db.ts'
import { type Standing, standing } from './families.ts'
import { forgetSome } from './forget.ts'
import {
  accessTokens,
  accounts,
  clients,
  codes,
  families,
  grants,
  refreshTokens,
} from './schema.ts'

export type CodeRow = typeof codes.$inferSelect & Standing
export type AccessRow = typeof accessTokens.$inferSelect & Standing
export type RefreshRow = typeof refreshTokens.$inferSelect & Standing

/** What a superseded refresh token keeps of the answer that superseded it. */
export interface Successor {
  successorHash: TokenHash
  successorAccessHash: TokenHash
  /** Bound to `successorContext(hash of the superseded token)`, under a key derived from that token. */
  sealedSuccessor: Sealed
}

/** Where the answer that superseded a refresh token is stored: what it is sealed to. */
export const successorContext = (tokenHash: TokenHash): string =>
  `refresh_tokens.sealed_successor:${tokenHash}`

/** Codes, access tokens and refresh tokens, all by their hashes. */
export function tokenStore(db: Db) {
  const hash = sql.placeholder('hash')
  const findCode = db
    .select({ token: codes, standing })
    .from(codes)
    .innerJoin(families, eq(families.id, codes.familyId))
    .innerJoin(grants, eq(grants.id, families.grantId))
    .innerJoin(clients, eq(clients.id, grants.clientId))
    .innerJoin(accounts, eq(accounts.id, grants.accountId))
    .where(eq(codes.codeHash, hash))
    .prepare()
  const findAccess = db
    .select({ token: accessTokens, standing })
    .from(accessTokens)
    .innerJoin(families, eq(families.id, accessTokens.familyId))
    .innerJoin(grants, eq(grants.id, families.grantId))
    .innerJoin(clients, eq(clients.id, grants.clientId))
    .innerJoin(accounts, eq(accounts.id, grants.accountId))
    .where(eq(accessTokens.tokenHash, hash))
    .prepare()
  const findRefresh = db
    .select({ token: refreshTokens, standing })
    .from(refreshTokens)
    .innerJoin(families, eq(families.id, refreshTokens.familyId))
    .innerJoin(grants, eq(grants.id, families.grantId))
    .innerJoin(clients, eq(clients.id, grants.clientId))
    .innerJoin(accounts, eq(accounts.id, grants.accountId))
    .where(eq(refreshTokens.tokenHash, hash))
    .prepare()

  return {
    /** Records an authorization code. */
    addCode(now: number, code: Omit<typeof codes.$inferInsert, 'createdAt' | 'consumedAt'>): void {
      db.insert(codes)
        .values({ ...code, createdAt: now })
        .run()
    },

    findCode(codeHash: TokenHash): CodeRow | undefined {
      const row = findCode.get({ hash: codeHash })
      return row && { ...row.token, ...row.standing, clientId: row.token.clientId }
    },

    /** Uses a code up; false when somebody did before. */
    consumeCode(now: number, codeHash: TokenHash): boolean {
      const consumed = db
        .update(codes)
        .set({ consumedAt: now })
        .where(and(eq(codes.codeHash, codeHash), isNull(codes.consumedAt)))
        .returning({ codeHash: codes.codeHash })
        .all()
      return consumed.length === 1
    },

    addAccess(now: number, token: { tokenHash: TokenHash; familyId: string; expiresAt: number }) {
      db.insert(accessTokens)
        .values({ ...token, createdAt: now })
        .run()
    },

    addRefresh(now: number, token: { tokenHash: TokenHash; familyId: string; expiresAt: number }) {
      db.insert(refreshTokens)
        .values({ ...token, createdAt: now })
        .run()
    },

    /** The access token of that hash with its family, grant, client and account: one query, on the way of every request. */
    findAccess(tokenHash: TokenHash): AccessRow | undefined {
      const row = findAccess.get({ hash: tokenHash })
      return row && { ...row.token, ...row.standing }
    },

    findRefresh(tokenHash: TokenHash): RefreshRow | undefined {
      const row = findRefresh.get({ hash: tokenHash })
      return row && { ...row.token, ...row.standing }
    },

    /** Notes the first time that an access token is presented. */
    markAccess(now: number, tokenHash: TokenHash): void {
      db.update(accessTokens)
        .set({ presentedAt: now })
        .where(and(eq(accessTokens.tokenHash, tokenHash), isNull(accessTokens.presentedAt)))
        .run()
    },

    /** Notes the first time that a refresh token is presented. */
    markRefresh(now: number, tokenHash: TokenHash): void {
      db.update(refreshTokens)
        .set({ presentedAt: now })
        .where(and(eq(refreshTokens.tokenHash, tokenHash), isNull(refreshTokens.presentedAt)))
        .run()
    },

    /** Supersedes a current refresh token; false when it was superseded before. */
    supersede(now: number, tokenHash: TokenHash, successor: Successor): boolean {
      const superseded = db
        .update(refreshTokens)
        .set({ ...successor, supersededAt: now })
        .where(and(eq(refreshTokens.tokenHash, tokenHash), isNull(refreshTokens.supersededAt)))
        .returning({ tokenHash: refreshTokens.tokenHash })
        .all()
      return superseded.length === 1
    },

    /** Changes the kept answer of a superseded token, when its access token had to be minted again. */
    replaceSuccessor(tokenHash: TokenHash, successor: Successor): void {
      db.update(refreshTokens).set(successor).where(eq(refreshTokens.tokenHash, tokenHash)).run()
    },

    /** Whether anyone ever showed the refresh or the access token of an answer. */
    wasPresented(successor: { refresh: TokenHash; access: TokenHash }): boolean {
      const refresh = findRefresh.get({ hash: successor.refresh })?.token
      const access = findAccess.get({ hash: successor.access })?.token
      return !refresh || !access || refresh.presentedAt !== null || access.presentedAt !== null
    },

    /** Deletes up to `limit` expired codes: never used, or used before `usedBefore`. Returns how many went. */
    forgetCodes(now: number, usedBefore: number, limit: number): number {
      const idle = or(isNull(codes.consumedAt), lt(codes.consumedAt, usedBefore))
      return forgetSome(db, codes.codeHash, and(lt(codes.expiresAt, now), idle), limit)
    },

    /** Deletes up to `limit` access tokens that expired before `before`. Returns how many went. */
    forgetAccess(before: number, limit: number): number {
      return forgetSome(db, accessTokens.tokenHash, lt(accessTokens.expiresAt, before), limit)
    },

    /** Deletes up to `limit` refresh tokens that expired before `before`. Returns how many went. */
    forgetRefresh(before: number, limit: number): number {
      return forgetSome(db, refreshTokens.tokenHash, lt(refreshTokens.expiresAt, before), limit)
    },
  }
}
