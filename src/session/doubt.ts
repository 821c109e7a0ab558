import { type Clock, SECOND_MS, within } from '../clock.ts'
import type { ChildAccess } from './access.ts'

/** Longest that new calls wait for Forgejo's word about a token, in ms. */
const ASK_MS = 10 * SECOND_MS

/** After Forgejo has said that a token is good, the same words raise no doubt for so long, in ms. */
const QUIET_MS = 5 * SECOND_MS

/** How much of a text is looked at, in characters: upstream errors can be pages long, the cause comes early. */
const MAX_HEARD = 16 * 1024

/**
 * What forgejo-mcp says when Forgejo refuses its token. There is no status to go by and the words differ by Forgejo's
 * version and by tool (forgejo.md A9, B4), so this decides nothing: it is a reason to ask.
 */
const SOUNDS_REJECTED =
  /\b401\b|unauthorized|user does not exist \[uid: 0|access token does not exist|oauth2 grant not found|token has invalid claims|token is (?:expired|required)/i

/** Whether a text sounds as if Forgejo refused the token. */
export const soundsRejected = (text: string): boolean =>
  SOUNDS_REJECTED.test(text.slice(0, MAX_HEARD))

/** Whether a child's own token is still good, as far as is known. */
export interface Doubt {
  /** Takes an error of the child's; one that sounds like a refused token makes the broker ask Forgejo. */
  hear(text: string): void
  /** While Forgejo is asked; settles in bounded time and never rejects. */
  readonly asking: Promise<void> | undefined
  /** Whether Forgejo has said that it no longer takes the token, about this child or another one that holds it. */
  readonly confirmed: boolean
}

/** No doubt yet. Where the access cannot be in doubt (relay mode) there never is any. */
export function createDoubt(clock: Clock, access: Pick<ChildAccess, 'doubt' | 'refused'>): Doubt {
  let asking: Promise<void> | undefined
  let confirmed = false
  let goodAt = Number.NEGATIVE_INFINITY

  const isQuiet = (): boolean => {
    const age = clock.now() - goodAt
    return age >= 0 && age < QUIET_MS
  }

  const ask = async (doubted: Promise<boolean>): Promise<void> => {
    const answer = await within(clock, ASK_MS, doubted).catch(() => false)
    if (answer === true) confirmed = true
    else goodAt = clock.now()
    asking = undefined
  }

  return {
    hear(text) {
      if (!access.doubt || asking || confirmed) return
      if (isQuiet() || !soundsRejected(text)) return
      asking = ask(access.doubt())
    },
    get asking() {
      return asking
    },
    get confirmed() {
      return confirmed || access.refused?.() === true
    },
  }
}
