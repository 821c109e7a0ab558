import { type Clock, HOUR_MS, MINUTE_MS } from '../clock.ts'
import type { TokenHash } from '../crypto.ts'
import { covers, plainScopes } from '../scopes.ts'
import type { Caller } from '../store/families.ts'
import type { Store } from '../store/open.ts'

/** Families, and challenges, that are remembered; the one longest unheard of is forgotten first. */
const MAX_FAMILIES = 10_000
/** A refresh so soon after a challenge is the answer to it. */
const ANSWER_MS = MINUTE_MS
/** A login so soon after a challenge is the answer to it, if it is the same client in the same browser. */
const LOGIN_MS = 30 * MINUTE_MS
/** A person who said no is not asked again for so long. */
const NO_MS = HOUR_MS
/** Refusals of one family that are written down in an hour. */
const MAX_AUDITED = 60

/** A request that was refused because its family's scopes are too small. */
export interface Refused {
  sessionHash?: TokenHash
  /** What was wanted and what it lacked. */
  reason: string
  /** The scopes that were lacking. */
  missing: readonly string[]
  /** Whether the answer can be a challenge: the request stands alone, a new login could help, and the client can take it. */
  open: boolean
}

/** A client in a browser. */
export interface Asker {
  clientId: string
  browserHash: TokenHash
}

/**
 * How a family takes a challenge to get more scopes (RFC 6750 §3.1 `insufficient_scope`). Some clients answer it with
 * a refresh, get the scopes they had, and give up the connection: those are told in plain answers from then on. So are
 * those whose person was asked and gave no more, for an hour.
 */
export interface StepUps {
  /** Notes a refusal in the audit trail. `plain` where a challenge cannot be, or would only break the client. */
  refused(caller: Caller, refused: Refused): 'challenge' | 'plain'
  /** A token of the family was refreshed. */
  refreshed(familyId: string): void
  /**
   * What a client was told to ask for, which may be why it comes now and asks for `scopes`; undefined when it comes by
   * itself, or what it lacked is not among them.
   */
  asked(asker: Asker, scopes: readonly string[]): readonly string[] | undefined
  /** A login opened a family with these scopes. */
  opened(asker: Asker, family: { id: string; accountId: string; scopes: readonly string[] }): void
  /**
   * The person said no to these scopes: whoever signed in last, because who it is now is not known. It answers what the
   * client was told to ask for if that was among them.
   */
  declined(asker: Asker, scopes: readonly string[]): void
}

interface Heard {
  challengedAt: number | undefined
  /** Until when it is told in plain answers, epoch ms. */
  plainUntil: number
  /** The browser of its login; undefined when that was before this start. */
  browserHash: TokenHash | undefined
  hour: number
  audited: number
}

interface Challenge {
  at: number
  accountId: string
  familyId: string
  missing: readonly string[]
  /** What a new login is to ask for: what the family has, and what was missing. */
  wanted: readonly string[]
}

const keyOf = ({ clientId, browserHash }: Asker): string => `${browserHash} ${clientId}`

/** Sets an entry as the newest; beyond the cap the oldest goes. */
function keep<T>(map: Map<string, T>, key: string, value: T): T {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MAX_FAMILIES && oldest !== undefined) map.delete(oldest)
  return value
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
  /** The last challenge of each client in each browser that no login has answered. */
  const challenges = new Map<string, Challenge>()
  /** The account that signed in last with each client in each browser. Nobody else's challenges are of interest there. */
  const accounts = new Map<string, string>()

  const hear = (familyId: string): Heard =>
    keep(
      families,
      familyId,
      families.get(familyId) ?? {
        challengedAt: undefined,
        plainUntil: 0,
        browserHash: undefined,
        hour: 0,
        audited: 0,
      },
    )

  const mayAudit = (heard: Heard, now: number): boolean => {
    const hour = Math.floor(now / HOUR_MS)
    if (heard.hour !== hour) heard.audited = 0
    heard.hour = hour
    return heard.audited++ < MAX_AUDITED
  }

  /** Its person was asked and gave no more; one that challenges break is told so for good already. */
  const quieten = (heard: Heard): void => {
    heard.plainUntil = Math.max(heard.plainUntil, clock.now() + NO_MS)
  }

  const unanswered = (asker: Asker): Challenge | undefined => {
    const challenge = challenges.get(keyOf(asker))
    return challenge && clock.now() - challenge.at <= LOGIN_MS ? challenge : undefined
  }

  return {
    refused(caller, { sessionHash, reason, missing, open }) {
      const { accountId, clientId, familyId } = caller
      const now = clock.now()
      const heard = hear(familyId)
      if (mayAudit(heard, now)) {
        const about = { accountId, clientId, familyId, sessionHash: sessionHash ?? null, reason }
        store.audit.add(now, { event: 'scope.refused', ...about })
      }
      if (now < heard.plainUntil || !open) return 'plain'
      heard.challengedAt = now
      const { browserHash } = heard
      const key = browserHash && keyOf({ clientId, browserHash })
      if (key !== undefined && accounts.get(key) === accountId) {
        const wanted = plainScopes([...caller.scopes, ...missing])
        keep(challenges, key, { at: now, accountId, familyId, missing, wanted })
      }
      return 'challenge'
    },
    refreshed(familyId) {
      const heard = families.get(familyId)
      if (heard?.challengedAt === undefined) return
      if (clock.now() - heard.challengedAt <= ANSWER_MS) heard.plainUntil = Number.POSITIVE_INFINITY
    },
    asked(asker, scopes) {
      const challenge = unanswered(asker)
      return challenge && covers(scopes, challenge.missing) ? challenge.wanted : undefined
    },
    opened(asker, { id, accountId, scopes }) {
      const heard = hear(id)
      heard.browserHash = asker.browserHash
      const challenge = unanswered(asker)
      if (challenge?.accountId === accountId && !covers(scopes, challenge.missing)) quieten(heard)
      keep(accounts, keyOf(asker), accountId)
      challenges.delete(keyOf(asker))
    },
    declined(asker, scopes) {
      const challenge = unanswered(asker)
      if (!challenge || !covers(scopes, challenge.missing)) return
      quieten(hear(challenge.familyId))
      challenges.delete(keyOf(asker))
    },
  }
}
