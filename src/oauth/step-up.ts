import { type Clock, HOUR_MS, MINUTE_MS } from '../clock.ts'
import type { TokenHash } from '../crypto.ts'
import type { Caller } from '../store/families.ts'
import type { Store } from '../store/open.ts'

/** Families that are remembered; the one longest unheard of is forgotten first. */
const MAX_FAMILIES = 10_000
/** A refresh so soon after a challenge is the answer to it. */
const ANSWER_MS = MINUTE_MS
/** Refusals of one family that are written down in an hour. */
const MAX_AUDITED = 60

/** A request that was refused because its family's scopes are too small. */
export interface Refused {
  sessionHash?: TokenHash
  /** What was wanted and what it lacked. */
  reason: string
  /** Whether the answer can be a challenge: the request stands alone, and a new login could help. */
  open: boolean
}

/**
 * How a family takes a challenge to get more scopes (RFC 6750 §3.1 `insufficient_scope`). Some clients answer it with
 * a refresh, get the scopes they had, and give up the connection: those are told in plain answers from then on.
 */
export interface StepUps {
  /** Notes a refusal in the audit trail. `plain` where a challenge cannot be, or would only break the client. */
  refused(caller: Caller, refused: Refused): 'challenge' | 'plain'
  /** A token of the family was refreshed. */
  refreshed(familyId: string): void
}

interface Heard {
  challengedAt: number | undefined
  plain: boolean
  hour: number
  audited: number
}

/** Remembers how families take challenges, in memory: after a restart each is challenged once more. */
export function createStepUps({
  store,
  clock,
}: {
  store: Pick<Store, 'audit'>
  clock: Clock
}): StepUps {
  const families = new Map<string, Heard>()

  const hear = (familyId: string): Heard => {
    const heard = families.get(familyId) ?? {
      challengedAt: undefined,
      plain: false,
      hour: 0,
      audited: 0,
    }
    families.delete(familyId)
    families.set(familyId, heard)
    const [oldest] = families.keys()
    if (families.size > MAX_FAMILIES && oldest !== undefined) families.delete(oldest)
    return heard
  }

  const mayAudit = (heard: Heard, now: number): boolean => {
    const hour = Math.floor(now / HOUR_MS)
    if (heard.hour !== hour) heard.audited = 0
    heard.hour = hour
    return heard.audited++ < MAX_AUDITED
  }

  return {
    refused({ accountId, clientId, familyId }, { sessionHash, reason, open }) {
      const now = clock.now()
      const heard = hear(familyId)
      if (mayAudit(heard, now)) {
        const about = { accountId, clientId, familyId, sessionHash: sessionHash ?? null, reason }
        store.audit.add(now, { event: 'scope.refused', ...about })
      }
      if (heard.plain || !open) return 'plain'
      heard.challengedAt = now
      return 'challenge'
    },
    refreshed(familyId) {
      const heard = families.get(familyId)
      if (heard?.challengedAt === undefined) return
      if (clock.now() - heard.challengedAt <= ANSWER_MS) heard.plain = true
    },
  }
}
