import { type Clock, HOUR_MS, MINUTE_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import { hashToken, hmac, randomToken, sameSecret } from '../crypto.ts'
import { createOnce } from '../once.ts'
import type { Store } from '../store/open.ts'
import { isAllowed } from './allowed.ts'

/** A browser that is not used for so long is signed out. */
const IDLE_MS = HOUR_MS

/** And in any case so long after it signed in. */
export const MAX_VISIT_MS = 12 * HOUR_MS

/** How far its end must have moved before it is written: not every look at the page is worth a write. */
const WORTH_WRITING_MS = 5 * MINUTE_MS

const COOKIE = /^[A-Za-z0-9_-]{43}$/

/** Somebody who looks at their own connections. */
export interface Visitor {
  accountId: string
  login: string
  /** What the page's forms must send back: it can only be known from a page that this browser was shown. */
  formToken: string
}

/** Browsers signed in to the connections page; a cookie is the only proof of one. */
export interface PageSessions {
  /** Signs a browser in as an account; returns the cookie's value. Call it inside a transaction. */
  open(accountId: string): string
  /** Who the cookie stands for; undefined when it is none of ours, or too old, or its user is not let in any more. */
  find(cookie: string | undefined): Visitor | undefined
  /** Whether a form's token belongs to this visitor. */
  isOwn(visitor: Visitor, formToken: string | null): boolean
  /** Signs the browser out. */
  close(cookie: string): void
}

/** Page sessions over a store: only hashes of the cookies are kept. */
export function createPageSessions(deps: {
  store: Store
  clock: Clock
  config: Pick<Config, 'allowedUsers'>
}): PageSessions {
  const { store, clock, config } = deps
  const once = createOnce(clock, HOUR_MS)
  return {
    open(accountId) {
      const cookie = randomToken()
      const now = clock.now()
      store.pages.add(now, { idHash: hashToken(cookie), accountId, expiresAt: now + IDLE_MS })
      store.audit.add(now, { event: 'page.signed-in', accountId })
      return cookie
    },

    find(cookie) {
      if (cookie === undefined || !COOKIE.test(cookie)) return undefined
      const row = store.pages.find(hashToken(cookie))
      const now = clock.now()
      if (!row || row.expiresAt <= now || !isAllowed(config.allowedUsers, row)) return undefined
      const expiresAt = Math.min(now + IDLE_MS, row.createdAt + MAX_VISIT_MS)
      if (expiresAt - row.expiresAt >= WORTH_WRITING_MS) store.pages.extend(row.idHash, expiresAt)
      const { accountId, login } = row
      return { accountId, login, formToken: hmac(cookie, 'fjmcp-broker form of the connections') }
    },

    isOwn(visitor, formToken) {
      if (sameSecret(visitor.formToken, formToken ?? '')) return true
      const { accountId } = visitor
      const reason = 'a form did not come from a page that this browser was shown'
      if (once.first(accountId))
        store.audit.add(clock.now(), { event: 'page.refused', accountId, reason })
      return false
    },

    close(cookie) {
      const row = store.pages.find(hashToken(cookie))
      if (!row || !store.pages.remove(row.idHash)) return
      store.audit.add(clock.now(), { event: 'page.signed-out', accountId: row.accountId })
    },
  }
}
