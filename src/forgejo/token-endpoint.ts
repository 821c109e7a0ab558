import {
  ArcticFetchError,
  Gitea,
  OAuth2RequestError,
  type OAuth2Tokens,
  UnexpectedErrorResponseBodyError,
  UnexpectedResponseError,
} from 'arctic'
import type { Config } from '../config.ts'

/** What the token endpoint said, as plain data; judged in token-judgement.ts. */
export type TokenAnswer =
  /** 200 with a JSON object. */
  | { kind: 'object'; body: Record<string, unknown> }
  /** An OAuth error (RFC 6749 §5.2). */
  | { kind: 'refused'; error: string; description: string }
  /** Any other answer: a status without a usable body. */
  | { kind: 'status'; status: number }
  /** No answer. */
  | { kind: 'network'; error: unknown }

/** The requests to Forgejo's OAuth endpoints, unbounded in time: whoever calls bounds the wait. */
export interface TokenEndpoint {
  /** Where the browser signs in: RFC 6749 §4.1.1 with S256 of the verifier (RFC 7636 §4.3). */
  authorizeUrl(state: string, verifier: string): string
  /** Sends an authorization code (RFC 6749 §4.1.3). Never rejects. */
  exchange(code: string, verifier: string): Promise<TokenAnswer>
  /** Sends a refresh token (RFC 6749 §6). Never rejects. */
  refresh(refreshToken: string): Promise<TokenAnswer>
}

type EndpointConfig = Pick<
  Config,
  | 'publicUrl'
  | 'forgejoUrl'
  | 'forgejoInternalUrl'
  | 'forgejoClientId'
  | 'forgejoClientSecret'
  | 'forgejoScopes'
>

/** Browsers are sent to Forgejo's public URL; our own requests go to the internal one. */
export function createTokenEndpoint(config: EndpointConfig): TokenEndpoint {
  const { forgejoClientId, forgejoClientSecret, forgejoScopes } = config
  const at = (base: string) =>
    new Gitea(base, forgejoClientId, forgejoClientSecret, `${config.publicUrl}/oauth/callback`)
  const browsers = at(config.forgejoUrl)
  const ours = at(config.forgejoInternalUrl)
  return {
    authorizeUrl: (state, verifier) =>
      browsers.createAuthorizationURL(state, verifier, [...forgejoScopes]).toString(),
    exchange: (code, verifier) => answerOf(ours.validateAuthorizationCode(code, verifier)),
    refresh: (refreshToken) => answerOf(ours.refreshAccessToken(refreshToken)),
  }
}

async function answerOf(request: Promise<OAuth2Tokens>): Promise<TokenAnswer> {
  try {
    const { data } = await request
    return { kind: 'object', body: { ...data } }
  } catch (error) {
    return readTokenError(error)
  }
}

/** What an error of arctic's says about the answer. */
export function readTokenError(error: unknown): TokenAnswer {
  if (error instanceof OAuth2RequestError)
    return { kind: 'refused', error: error.code, description: error.description ?? '' }
  if (error instanceof UnexpectedErrorResponseBodyError) return readOddBody(error)
  if (error instanceof UnexpectedResponseError) return { kind: 'status', status: error.status }
  if (error instanceof ArcticFetchError) return { kind: 'network', error: error.cause }
  return { kind: 'network', error }
}

/** arctic refuses a whole error body for one odd field; the error code alone is worth having. */
function readOddBody({ data, status }: UnexpectedErrorResponseBodyError): TokenAnswer {
  const code = typeof data === 'object' && data !== null && 'error' in data ? data.error : undefined
  if (typeof code !== 'string') return { kind: 'status', status }
  return { kind: 'refused', error: code, description: '' }
}
