import { SECOND_MS } from '../clock.ts'
import { err, ok, type Result } from '../result.ts'
import { cleanDetail, type UpstreamFailure } from './outcome.ts'
import { grantedScopes } from './scopes.ts'

/** Who a token belongs to: `sub` is for ever, `login` may be renamed. */
export interface UserInfo {
  sub: string
  login: string
  name?: string
}

/** Most bytes that are read of an answer. */
export const MAX_BODY_BYTES = 64 * 1024

/** The longest wait that a Retry-After may ask for, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60 * SECOND_MS

/**
 * Judges an answer of userinfo (forgejo.md A8). A page instead of JSON is how Forgejo treats a suspended user, a
 * redirect to its settings one who must change the password; a wall in front of Forgejo looks like the first.
 */
export async function readUserinfo(
  response: Response,
  now: number,
): Promise<Result<UserInfo, UpstreamFailure>> {
  const { status } = response
  if (status >= 300 && status < 400) return readRedirect(response)
  if (status === 200 && !isJson(response)) {
    await drop(response)
    const detail =
      'Forgejo showed a page instead of saying who the user is: ' +
      'the account is suspended or not activated, or something in front of Forgejo blocks the broker'
    return err({ kind: 'account', detail })
  }
  const body = await readJson(response, now)
  if (!body.ok) return body
  const { sub, preferred_username: login, name } = body.value
  const id = typeof sub === 'number' ? String(sub) : sub
  if (typeof id !== 'string' || id === '' || typeof login !== 'string' || login === '')
    return err({ kind: 'later', detail: 'Forgejo did not say who the user is' })
  return ok({ sub: id, login, ...(typeof name === 'string' && name !== '' ? { name } : {}) })
}

async function readRedirect(response: Response): Promise<Result<never, UpstreamFailure>> {
  await drop(response)
  const location = response.headers.get('location') ?? ''
  if (location.includes('change_password'))
    return err({ kind: 'account', detail: 'the user must set a new password at Forgejo' })
  if (location.includes('/user/'))
    return err({ kind: 'account', detail: 'the user has something to settle at Forgejo first' })
  const detail = `Forgejo redirects to ${cleanDetail(originOf(location))}: is its URL configured right?`
  return err({ kind: 'operator', detail })
}

const originOf = (location: string): string =>
  URL.canParse(location) ? new URL(location).origin : 'another path'

/**
 * Judges an answer of introspection (RFC 7662). Forgejo answers 401 in words both for a bad client and, in its
 * default configuration, for a token that is no good (forgejo.md A8); only the first asks for Basic credentials.
 */
export async function readIntrospection(
  response: Response,
  now: number,
): Promise<Result<{ scopes: string[] }, UpstreamFailure>> {
  if (response.status === 401 && /basic/i.test(response.headers.get('www-authenticate') ?? '')) {
    await drop(response)
    const detail = 'Forgejo does not accept the client id and secret at introspection'
    return err({ kind: 'operator', detail })
  }
  const body = await readJson(response, now)
  if (!body.ok) return body
  const { active, scope } = body.value
  if (active !== true)
    return err({ kind: 'again', reason: 'rejected', detail: 'the token is not active' })
  return ok({ scopes: grantedScopes(typeof scope === 'string' ? scope : '') })
}

/** Judges an answer of `GET /api/v1/version`. */
export async function readVersion(
  response: Response,
  now: number,
): Promise<Result<string, UpstreamFailure>> {
  const body = await readJson(response, now)
  if (!body.ok) return body
  const { version } = body.value
  if (typeof version === 'string' && version !== '') return ok(cleanDetail(version))
  return err({ kind: 'operator', detail: 'what answers at the URL of Forgejo is no Forgejo' })
}

/** Judges an answer of the discovery document: the issuer, without a trailing slash (forgejo.md A2). */
export async function readDiscovery(
  response: Response,
  now: number,
): Promise<Result<{ issuer: string }, UpstreamFailure>> {
  if (response.status === 404) {
    await drop(response)
    const detail = 'Forgejo has no discovery document: wrong URL, or OAuth is switched off there'
    return err({ kind: 'operator', detail })
  }
  const body = await readJson(response, now)
  if (!body.ok) return body
  const { issuer } = body.value
  if (typeof issuer === 'string' && URL.canParse(issuer))
    return ok({ issuer: issuer.replace(/\/+$/, '') })
  return err({ kind: 'operator', detail: "Forgejo's discovery document names no issuer" })
}

/** A JSON object of a 200; for the rest, what its status means. The words of a refusal are never repeated. */
async function readJson(
  response: Response,
  now: number,
): Promise<Result<Record<string, unknown>, UpstreamFailure>> {
  const { status } = response
  if (status !== 200) {
    await drop(response)
    const detail = `Forgejo answered ${status}`
    if (status === 401) return err({ kind: 'again', reason: 'rejected', detail })
    const retryAfterMs = readRetryAfter(response.headers.get('retry-after'), now)
    return err({ kind: 'later', detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
  }
  const text = isJson(response) ? await boundedText(response) : undefined
  if (text === undefined) {
    await drop(response)
    return err({ kind: 'later', detail: 'Forgejo answered with a page instead of JSON' })
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return ok({ ...value })
  } catch {
    // Cut short, or no JSON after all: said below.
  }
  return err({ kind: 'later', detail: 'Forgejo answered with JSON that could not be read' })
}

const isJson = (response: Response): boolean =>
  /^application\/(\w+\+)?json\b/i.test(response.headers.get('content-type') ?? '')

/** Throws away a body that is not wanted. */
const drop = (response: Response): Promise<void> =>
  response.body?.locked === false ? response.body.cancel().catch(() => {}) : Promise.resolve()

/** The text of a body of at most MAX_BODY_BYTES; undefined for a longer one, which is not read on. */
async function boundedText(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Retry-After (RFC 9110 §10.2.3), seconds or a date, as bounded milliseconds from `now`. */
export function readRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined
  const wait = /^\d+$/.test(value) ? Number(value) * SECOND_MS : Date.parse(value) - now
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), MAX_RETRY_AFTER_MS)
}
