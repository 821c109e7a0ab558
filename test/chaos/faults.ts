import type { Target } from '../fixtures/forgejo/control.ts'
import { readTokenForm } from '../fixtures/forgejo/token-endpoint.ts'
import { readToken } from '../fixtures/forgejo/tokens.ts'
import { findUser } from '../fixtures/forgejo/world.ts'
import type { Stage } from './stage.ts'

/** How long Forgejo's access tokens live unless a scenario says otherwise, in ms. */
export const TOKEN_LIFE_MS = 3_600_000

/** The refreshes of one user. */
export const refreshOf =
  ({ forgejo: { world } }: Stage, login: string): Target =>
  (incoming) => {
    if (incoming.path !== '/login/oauth/access_token') return false
    const form = readTokenForm(incoming)
    const claims = form.grant_type === 'refresh_token' && readToken(world, form.refresh_token ?? '')
    if (typeof claims !== 'object') return false
    return world.grants.get(claims.gnt)?.userId === findUser(world, login)?.id
  }

/** Every access token that Forgejo has given out is over, although the broker cannot know yet. */
export const expireAccess = (stage: Stage): void => stage.forgejo.control.advance(TOKEN_LIFE_MS)

/** The user's account as others see it: its login is used by another program with the same application. */
export const usedElsewhere = (stage: Stage, login: string): void =>
  void stage.forgejo.issueTokens(login)
