import { randomToken, s256 } from '../../src/crypto.ts'
import { type Browser, createBrowser, loginAtForgejo, type Page } from '../fixtures/browser.ts'
import { openSession, type Session } from './wire.ts'

/** Where the client waits for its code. Nothing listens there: the browser stops in front of it. */
export const CALLBACK = 'http://127.0.0.1:9/callback'

export interface LoginOptions {
  /** What the client calls itself; another name is another client. */
  client?: string
  clientId?: string
  /** The scopes asked for; all that are configured unless said otherwise. */
  scope?: string
  browser?: Browser
  /** Where the client waits; CALLBACK unless said otherwise. */
  redirectUri?: string
}

interface Tokens {
  access_token: string
  refresh_token: string
  scope: string
}

/** What a client holds once somebody has let it in. */
export interface Login {
  readonly user: string
  readonly clientId: string
  readonly tokens: Tokens
  /** Everything secret that went through the client's and the browser's hands. */
  readonly secrets: Set<string>
  /** Every address that the browser was sent to. */
  readonly redirects: readonly string[]
  /** Trades the refresh token for a new pair. */
  refresh(): Promise<void>
  /** Opens a session with these tokens. */
  open(version?: string): Promise<Session>
}

async function post(url: string, body: URLSearchParams | string): Promise<Record<string, unknown>> {
  const headers = typeof body === 'string' ? { 'Content-Type': 'application/json' } : {}
  const answer = await fetch(url, { method: 'POST', headers, body })
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as Record<string, unknown>
}

/** Registers a client by RFC 7591; the `client_id`. */
export async function register(
  url: string,
  name: string,
  redirectUris = [CALLBACK],
): Promise<string> {
  const metadata = { client_name: name, redirect_uris: redirectUris }
  return String((await post(`${url}/oauth/register`, JSON.stringify(metadata))).client_id)
}

/** The same browser, which writes down where it was sent. */
function recording(browser: Browser, redirects: string[]): Browser {
  const noted = (page: Page): Page => {
    redirects.push(...page.redirects)
    return page
  }
  return {
    ...browser,
    get page() {
      return browser.page
    },
    get: async (...args) => noted(await browser.get(...args)),
    submit: async (...args) => noted(await browser.submit(...args)),
  }
}

/** A client from nothing to tokens, by plain requests: register, authorize, consent, Forgejo, token. */
export async function login(url: string, user: string, how: LoginOptions): Promise<Login> {
  const redirects: string[] = []
  const browser = recording(how.browser ?? createBrowser(), redirects)
  const redirectUri = how.redirectUri ?? CALLBACK
  const clientId = how.clientId ?? (await register(url, how.client ?? 'By hand', [redirectUri]))
  const verifier = randomToken()
  const state = randomToken()
  const secrets = new Set([verifier, state])
  const authorize = new URL(`${url}/oauth/authorize`)
  authorize.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    state,
    code_challenge: s256(verifier),
    code_challenge_method: 'S256',
    resource: `${url}/mcp`,
    ...(how.scope ? { scope: how.scope } : {}),
  }).toString()
  const back = new URL(await loginAtForgejo(browser, authorize.href, { user }))
  const code = back.searchParams.get('code') ?? ''
  const cookie = browser.cookies.get('fjmcp_browser')
  for (const secret of [code, cookie]) if (secret) secrets.add(secret)

  let tokens: Tokens
  const ask = async (fields: Record<string, string>) => {
    const body = new URLSearchParams({ client_id: clientId, ...fields })
    tokens = (await post(`${url}/oauth/token`, body)) as unknown as Tokens
    secrets.add(tokens.access_token).add(tokens.refresh_token)
  }
  await ask({
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
    redirect_uri: redirectUri,
  })
  const held: Login = {
    user,
    clientId,
    get tokens() {
      return tokens
    },
    secrets,
    redirects,
    refresh: () => ask({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token }),
    open: (version) => openSession(`${url}/mcp`, held, version),
  }
  return held
}
