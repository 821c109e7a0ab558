import { randomToken, s256 } from '../../src/crypto.ts'
import { type Reply, send, toolText } from '../e2e/wire.ts'
import type { World } from '../e2e/world.ts'
import { type Browser, createBrowser, loginAtForgejo } from '../fixtures/browser.ts'

/** A JSON answer of one of the OAuth endpoints. */
export interface Answer {
  status: number
  body: Record<string, string | string[] | undefined>
}

/** What an application says of itself, and where it waits for its code. */
export interface Shape {
  /** The body of its registration. */
  metadata: Record<string, unknown>
  redirectUri: string
  /** Headers that come with each of its requests. */
  headers?: Record<string, string>
  /** The revision that it asks for. */
  protocolVersion: string
}

/** An application that is played by plain requests, as recorded. */
export function play(world: World, user: string, shape: Shape, browser: Browser = createBrowser()) {
  const { headers = {} } = shape
  let clientId = ''
  let tokens: { access: string; refresh: string } = { access: '', refresh: '' }

  const answered = async (response: Response): Promise<Answer> => ({
    status: response.status,
    body: (await response.json()) as Answer['body'],
  })
  const bearer = (more: Record<string, string> = {}) => ({
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
    ...headers,
    Authorization: `Bearer ${tokens.access}`,
    ...more,
  })

  const app = {
    get clientId() {
      return clientId
    },
    get tokens() {
      return tokens
    },
    /** Uses other tokens from now on. */
    adopt({ body }: Answer): void {
      tokens = { access: String(body.access_token), refresh: String(body.refresh_token) }
    },

    /** RFC 7591; the client of the last registration is used. */
    async register(): Promise<Answer> {
      const answer = await answered(
        await fetch(`${world.url}/oauth/register`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', ...headers },
          body: JSON.stringify(shape.metadata),
        }),
      )
      clientId = String(answer.body.client_id)
      return answer
    },

    /** Where the browser is sent, and what belongs to it. */
    authorization(redirectUri = shape.redirectUri, more: Record<string, string> = {}) {
      const verifier = randomToken()
      const state = randomToken()
      const url = new URL(`${world.url}/oauth/authorize`)
      url.search = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        state,
        code_challenge: s256(verifier),
        code_challenge_method: 'S256',
        resource: world.mcpUrl,
        ...more,
      }).toString()
      return { url: url.href, verifier, state }
    },

    /** The whole login; where the browser came back to. */
    async login(redirectUri = shape.redirectUri, more: Record<string, string> = {}): Promise<URL> {
      const { url, verifier, state } = app.authorization(redirectUri, more)
      const back = new URL(await loginAtForgejo(browser, url, { user }))
      if (back.searchParams.get('state') !== state) throw new Error(`not our state: ${back}`)
      const answer = await app.token({
        grant_type: 'authorization_code',
        code: back.searchParams.get('code') ?? '',
        redirect_uri: redirectUri,
        code_verifier: verifier,
        resource: world.mcpUrl,
      })
      if (answer.status !== 200) throw new Error(JSON.stringify(answer))
      app.adopt(answer)
      return back
    },

    /** A request to the token endpoint. */
    async token(fields: Record<string, string>, more: Record<string, string> = {}) {
      const response = await fetch(`${world.url}/oauth/token`, {
        method: 'POST',
        headers: { ...headers, ...more },
        body: new URLSearchParams({ client_id: clientId, ...fields }),
      })
      return await answered(response)
    },

    /** A refresh with the token it holds, without a `resource`; the answer is not adopted. */
    refresh: (more: Record<string, string> = {}): Promise<Answer> =>
      app.token({ grant_type: 'refresh_token', refresh_token: tokens.refresh }, more),

    /** A POST on /mcp. */
    post: (message: Record<string, unknown>, more: Record<string, string> = {}): Promise<Reply> =>
      send(world.mcpUrl, bearer(more), { jsonrpc: '2.0', ...message }),

    /** A GET on /mcp; the body is the caller's. */
    get: (more: Record<string, string> = {}): Promise<Response> =>
      fetch(world.mcpUrl, { headers: { ...bearer(more), Accept: 'text/event-stream' } }),

    /** Opens a session with this request id; the session's id. */
    async initialize(id: unknown = 1): Promise<string> {
      const opened = await app.post({
        id,
        method: 'initialize',
        params: {
          protocolVersion: shape.protocolVersion,
          capabilities: {},
          clientInfo: { name: String(shape.metadata.client_name), version: '1' },
        },
      })
      const session = opened.headers.get('mcp-session-id')
      if (opened.status !== 200 || session === null)
        throw new Error(`initialize: ${opened.status} ${opened.text.slice(0, 500)}`)
      const more = app.inSession(session)
      const { status } = await app.post({ method: 'notifications/initialized' }, more)
      if (status !== 202) throw new Error(`initialized: ${status}`)
      return session
    },

    /** The headers of a request in a session. */
    inSession: (session: string): Record<string, string> => ({
      'Mcp-Session-Id': session,
      'MCP-Protocol-Version': shape.protocolVersion,
    }),

    /** A tool call; the whole reply. */
    call: (session: string, id: unknown, name: string, args: Record<string, unknown> = {}) =>
      app.post(
        { id, method: 'tools/call', params: { name, arguments: args } },
        app.inSession(session),
      ),
  }
  return app
}

export type Played = ReturnType<typeof play>

/** The login that `get_my_user_info` names. */
export const loginOf = (reply: Reply): string => JSON.parse(toolText(reply)).Result.login
