import type { Credential } from '../oauth/credential.ts'
import { err, ok, type Result } from '../result.ts'
import { dropBody } from './bodies.ts'
import { credentialLater, LOGIN_AGAIN, type Refusal } from './refusals.ts'

/** What the relay asks of the vault. */
export interface Credentials {
  peek(accountId: string): Credential
  renew(accountId: string, stale?: string): Promise<Credential>
  rejected(accountId: string, token: string): Promise<Credential>
  secrets(accountId: string): readonly string[]
}

/** An answer of Forgejo's that is not about the credential, and the token that brought it. */
export interface Accepted {
  response: Response
  token: string
}

/** The account's token as of now: a living one at once, else what the vault's one shared renewal brings. */
export async function currentToken(
  vault: Credentials,
  accountId: string,
): Promise<Result<string, Refusal>> {
  const known = vault.peek(accountId)
  return tokenOf(known.kind === 'later' ? await vault.renew(accountId) : known)
}

/** A token after Forgejo answered 401 to `sent`: another one, or the refusal to give the child. */
export async function tokenAfter(
  vault: Credentials,
  accountId: string,
  sent: string,
): Promise<Result<string, Refusal>> {
  const known = vault.peek(accountId)
  if (known.kind === 'ready' && known.token !== sent) return ok(known.token)
  const next = tokenOf(await vault.rejected(accountId, sent))
  // The same token once more: the vault has found it good, so the 401 is about something else and stays one.
  return next.ok && next.value === sent ? err(LOGIN_AGAIN) : next
}

/**
 * Makes a request with the account's token and, after a 401, once more with another. Forgejo judges the token before
 * it looks at the route (forgejo.md A9), so nothing has happened yet and the repeat is safe for every method.
 * A 401's body is dropped unread: Forgejo 16 writes the token into it.
 */
export async function withToken(
  vault: Credentials,
  accountId: string,
  attempt: (token: string) => Promise<Result<Response, Refusal>>,
): Promise<Result<Accepted, Refusal>> {
  let token = await currentToken(vault, accountId)
  for (let attempts = 0; attempts < 2; attempts++) {
    if (!token.ok) return token
    const response = await attempt(token.value)
    if (!response.ok) return response
    if (response.value.status !== 401) return ok({ response: response.value, token: token.value })
    await dropBody(response.value)
    if (attempts === 0) token = await tokenAfter(vault, accountId, token.value)
  }
  return err(LOGIN_AGAIN)
}

function tokenOf(credential: Credential): Result<string, Refusal> {
  switch (credential.kind) {
    case 'ready':
      return ok(credential.token)
    case 'dead':
      return err(LOGIN_AGAIN)
    case 'later':
      return err(credentialLater(credential.retryAfterMs))
  }
}
