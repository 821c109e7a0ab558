import { type Clock, SECOND_MS, TIMED_OUT, within } from '../clock.ts'
import type { Config } from '../config.ts'
import { err, type Result } from '../result.ts'
import {
  readDiscovery,
  readIntrospection,
  readUserinfo,
  readVersion,
  type UserInfo,
} from './identity-judgement.ts'
import { readNetworkError, type TokenPair, type UpstreamFailure } from './outcome.ts'
import { createTokenEndpoint, type TokenAnswer } from './token-endpoint.ts'
import { readTokenAnswer, type TokenRequest } from './token-judgement.ts'

export type { TokenPair, UpstreamFailure } from './outcome.ts'

/** Longest wait for the token endpoint, in milliseconds. */
export const TOKEN_WAIT_MS = 15 * SECOND_MS
/** Longest wait for any other answer, headers and body, in milliseconds. */
export const ASK_WAIT_MS = 10 * SECOND_MS

/** What became of a token request whose wait was over before. */
export type Late = (outcome: Result<TokenPair, UpstreamFailure>) => void

/** Forgejo as its OAuth client sees it. Every wait is bounded; nothing here rejects. */
export interface Upstream {
  /** Where a browser signs in: S256 of `verifier` (RFC 7636 §4.3), the configured scopes. */
  authorizeUrl(state: string, verifier: string): string
  /** Exchanges a code. `late` hears what became of it when the answer comes after the bound. */
  exchange(code: string, verifier: string, late?: Late): Promise<Result<TokenPair, UpstreamFailure>>
  /** Refreshes once. `late` hears what became of it when the answer comes after the bound. */
  refresh(refreshToken: string, late: Late): Promise<Result<TokenPair, UpstreamFailure>>
  /** Whose token this is. */
  userinfo(accessToken: string): Promise<Result<UserInfo, UpstreamFailure>>
  /** The scopes of the grant behind this token; `all` where Forgejo gives full access. */
  introspect(accessToken: string): Promise<Result<{ scopes: string[] }, UpstreamFailure>>
  /** Forgejo's version, asked with the given token or none. */
  version(accessToken?: string): Promise<Result<string, UpstreamFailure>>
  /** The discovery document's issuer, without a trailing slash. */
  discovery(): Promise<Result<{ issuer: string }, UpstreamFailure>>
}

export interface UpstreamDeps {
  config: Pick<
    Config,
    | 'publicUrl'
    | 'forgejoUrl'
    | 'forgejoInternalUrl'
    | 'forgejoClientId'
    | 'forgejoClientSecret'
    | 'forgejoScopes'
  >
  clock: Clock
  /** For everything but the token endpoint, whose client cannot be given one. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
}

/** The OAuth client of the configured Forgejo. */
export function createUpstream(deps: UpstreamDeps): Upstream {
  const { config, clock } = deps
  const endpoint = createTokenEndpoint(config)
  const base = config.forgejoInternalUrl
  const clientSecret = config.forgejoClientSecret

  /** Waits for a token request, no longer than the bound; what comes later goes to `late`, so that no pair is lost. */
  const bounded = async (
    sent: Promise<TokenAnswer>,
    request: TokenRequest,
    late: Late | undefined,
  ): Promise<Result<TokenPair, UpstreamFailure>> => {
    const judged = sent.then((answer) => readTokenAnswer(answer, request, clock.now()))
    const outcome = await within(clock, TOKEN_WAIT_MS, judged)
    if (outcome !== TIMED_OUT) return outcome
    if (late) judged.then(late)
    const detail = `Forgejo did not answer within ${TOKEN_WAIT_MS / SECOND_MS} s`
    return err({ kind: 'later', detail, outcome: 'pending' })
  }

  const ask = async <T>(
    path: string,
    init: RequestInit,
    read: (response: Response, now: number) => Promise<Result<T, UpstreamFailure>>,
  ): Promise<Result<T, UpstreamFailure>> => {
    const abort = new AbortController()
    const headers = new Headers(init.headers)
    headers.set('accept', 'application/json')
    headers.set('user-agent', 'fjmcp-broker')
    const asked = async () => {
      try {
        const request = deps.fetch ?? fetch
        const response = await request(base + path, {
          ...init,
          headers,
          redirect: 'manual',
          signal: abort.signal,
        })
        return await read(response, clock.now())
      } catch (error) {
        return err(readNetworkError(error))
      }
    }
    const outcome = await within(clock, ASK_WAIT_MS, asked())
    if (outcome !== TIMED_OUT) return outcome
    abort.abort()
    return err({
      kind: 'later',
      detail: `Forgejo did not answer within ${ASK_WAIT_MS / SECOND_MS} s`,
    })
  }

  const withToken = (token: string): RequestInit => ({
    headers: { authorization: `Bearer ${token}` },
  })

  return {
    authorizeUrl: (state, verifier) => endpoint.authorizeUrl(state, verifier),

    exchange(code, verifier, late) {
      const secrets = [code, verifier, clientSecret]
      return bounded(endpoint.exchange(code, verifier), { grant: 'code', secrets }, late)
    },

    refresh(refreshToken, late) {
      const secrets = [refreshToken, clientSecret]
      const request: TokenRequest = { grant: 'refresh', secrets, refreshToken }
      return bounded(endpoint.refresh(refreshToken), request, late)
    },

    userinfo: (token) => ask('/login/oauth/userinfo', withToken(token), readUserinfo),

    introspect(token) {
      const basic = Buffer.from(`${config.forgejoClientId}:${clientSecret}`).toString('base64')
      const init: RequestInit = {
        method: 'POST',
        headers: { authorization: `Basic ${basic}` },
        body: new URLSearchParams({ token }),
      }
      return ask('/login/oauth/introspect', init, readIntrospection)
    },

    version: (token) =>
      ask('/api/v1/version', token === undefined ? {} : withToken(token), readVersion),

    discovery: () => ask('/.well-known/openid-configuration', {}, readDiscovery),
  }
}
