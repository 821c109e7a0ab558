import { existsSync } from 'node:fs'
import {
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  exchangeAuthorization,
  refreshAuthorization,
  registerClient,
  startAuthorization,
} from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import { realBinary, standInBinary } from './fixtures/binary.ts'
import {
  type BrokerProcess,
  COMPILED,
  FROM_SOURCE,
  freePort,
  removeFolder,
  startBroker,
} from './fixtures/broker.ts'
import { createBrowser, loginAtForgejo } from './fixtures/browser.ts'
import { startForgejo } from './fixtures/forgejo/server.ts'

/** `bun run demo`: one client, from nothing to a tool result and through all that may happen to it afterwards. */

const stay = process.argv.includes('--stay')
const program =
  process.argv.includes('--binary') && existsSync(COMPILED[0] ?? '') ? COMPILED : FROM_SOURCE
const person = { user: 'alice', password: 'password' }
const redirectUri = 'http://127.0.0.1:53682/callback'
/** Short, so that the session falls asleep while one watches. */
const IDLE = '1s'
const IDLE_WAIT_MS = 15_000

const color = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code: string, text: string): string =>
  color ? `\u001b[${code}m${text}\u001b[0m` : text
let count = 0

/** Runs one step and prints its name, its time and what came of it. */
async function step<T>(
  name: string,
  work: () => Promise<T>,
  say: (value: T) => string,
): Promise<T> {
  const from = performance.now()
  const value = await work()
  const ms = `${(performance.now() - from).toFixed(0)} ms`.padStart(8)
  count += 1
  console.log(
    `${paint('32', '✓')} ${String(count).padStart(2)}  ${name.padEnd(24)}${paint('2', ms)}  ${say(value)}`,
  )
  return value
}

const real = realBinary()
const binary = real ?? standInBinary()
const forgejo = await startForgejo()
const port = freePort()
const app = forgejo.registerApp({
  redirectUris: [`http://127.0.0.1:${port}/oauth/callback`],
  confidential: true,
})
let broker: BrokerProcess | undefined

async function walk(): Promise<void> {
  broker = await step(
    'start the broker',
    () =>
      startBroker({
        forgejoUrl: forgejo.url,
        clientId: app.clientId,
        clientSecret: app.clientSecret,
        forgejoMcpBinary: binary,
        program,
        port,
        env: stay ? {} : { FJMCP_BROKER_SESSION_IDLE_TIMEOUT: IDLE },
      }),
    ({ url }) =>
      `${url}, child: ${real ? `forgejo-mcp at ${real}` : 'the stand-in (no forgejo-mcp on PATH)'}`,
  )
  const mcpUrl = new URL(`${broker.url}/mcp`)
  const server = await step(
    'discover',
    async () => {
      const resource = await discoverOAuthProtectedResourceMetadata(mcpUrl)
      const metadata = await discoverAuthorizationServerMetadata(
        resource.authorization_servers?.[0] ?? '',
      )
      if (!metadata) throw new Error('no authorization server metadata')
      return { resource, metadata }
    },
    ({ metadata }) => `issuer ${metadata.issuer}`,
  )
  const { metadata } = server
  const issuer = metadata.issuer
  const resource = new URL(server.resource.resource)
  const client = await step(
    'register',
    () =>
      registerClient(issuer, {
        metadata,
        clientMetadata: {
          client_name: 'Demo client',
          redirect_uris: [redirectUri],
          token_endpoint_auth_method: 'none',
        },
      }),
    ({ client_id }) => client_id,
  )
  const authorization = await startAuthorization(issuer, {
    metadata,
    clientInformation: client,
    redirectUrl: redirectUri,
    state: 'demo',
    resource,
  })
  const browser = createBrowser()
  const consent = await step(
    'authorize',
    () => browser.get(String(authorization.authorizationUrl)),
    ({ status, html }) =>
      `${status}, our page asks about “${/Demo client/.exec(html)?.[0] ?? '?'}”`,
  )
  if (!consent.forms.some(({ action }) => action.includes('/oauth/consent')))
    throw new Error('no consent form')
  const stops = (to: URL) => !to.href.startsWith(redirectUri)
  await step(
    'consent',
    () => browser.submit({ decision: 'allow' }, { action: '/oauth/consent', follow: stops }),
    ({ url }) => `on to ${new URL(url).pathname} at Forgejo`,
  )
  const returned = await step(
    'log in at Forgejo',
    async () => {
      const callback = await loginAtForgejo(browser, browser.page?.url ?? '', person)
      const { leftFor } = await browser.get(callback, { follow: stops })
      if (!leftFor) throw new Error('the callback did not lead back to the client')
      return leftFor
    },
    (to) => `${person.user} comes back with a code from ${new URL(to).searchParams.get('iss')}`,
  )
  const code = new URL(returned).searchParams.get('code') ?? ''
  let tokens: OAuthTokens = await step(
    'token',
    () =>
      exchangeAuthorization(issuer, {
        metadata,
        clientInformation: client,
        authorizationCode: code,
        codeVerifier: authorization.codeVerifier,
        redirectUri,
        resource,
      }),
    ({ expires_in, scope }) => `good for ${expires_in} s: ${scope}`,
  )

  const transport = new StreamableHTTPClientTransport(mcpUrl, {
    fetch: (url, init) => {
      const headers = new Headers(init?.headers)
      headers.set('Authorization', `Bearer ${tokens.access_token}`)
      return fetch(url, { ...init, headers })
    },
  })
  const mcp = new Client({ name: 'demo', version: '1' })
  await step(
    'initialize',
    () => mcp.connect(transport),
    () =>
      `${mcp.getServerVersion()?.name} ${mcp.getServerVersion()?.version}, session ${transport.sessionId?.slice(0, 6)}…`,
  )
  const session = transport.sessionId
  await step(
    'tools/list',
    () => mcp.listTools(),
    ({ tools }) => `${tools.length} tools`,
  )
  const me = async (): Promise<string> => {
    const result = await mcp.callTool({ name: 'get_my_user_info', arguments: {} })
    const [first] = result.content as { text: string }[]
    const { Result } = JSON.parse(first?.text ?? '{}') as { Result?: { login?: string } }
    if (Result?.login !== person.user) throw new Error(`acted as ${Result?.login}`)
    return Result.login
  }
  await step('tools/call', me, (login) => `get_my_user_info: acts as ${login}`)

  const before = tokens.access_token
  tokens = await step(
    'token refresh',
    () =>
      refreshAuthorization(issuer, {
        metadata,
        clientInformation: client,
        refreshToken: tokens.refresh_token ?? '',
        resource,
      }),
    (fresh) => {
      if (fresh.access_token === before) throw new Error('the same token again')
      return 'a new pair'
    },
  )
  await step('tools/call', me, () => `same session ${session?.slice(0, 6)}…, new token`)

  forgejo.control.advance(3_600_000)
  const refreshes = forgejo.counts.refreshes
  await step('renewal at Forgejo', me, () => {
    if (forgejo.counts.refreshes !== refreshes + 1) throw new Error('no renewal took place')
    return 'its token had ended; one refresh, and the call went through'
  })

  if (!stay) {
    const { storePath } = broker
    await step(
      'sleep',
      () => untilAsleep(storePath),
      () => `idle for ${IDLE}: the child is stopped, the session is a row`,
    )
    await step('wake', me, () => {
      if (transport.sessionId !== session) throw new Error('another session')
      return `a new child, the same session ${session?.slice(0, 6)}…`
    })
  }
  await step(
    'DELETE',
    async () => {
      await transport.terminateSession()
      const headers = {
        Authorization: `Bearer ${tokens.access_token}`,
        'Mcp-Session-Id': session ?? '',
      }
      const gone = await fetch(mcpUrl, { method: 'DELETE', headers })
      return gone.status
    },
    (status) => {
      if (status !== 404) throw new Error(`the session is still there (${status})`)
      return 'the session has ended: 404 from now on'
    },
  )
  await mcp.close()
}

/** Waits until no session has a child, as the operator's command line tells it. */
async function untilAsleep(storePath: string): Promise<void> {
  const until = Date.now() + IDLE_WAIT_MS
  while (Date.now() < until) {
    const list = Bun.spawnSync([
      ...program,
      'sessions',
      'list',
      '--json',
      '--store-path',
      storePath,
    ])
    const rows = JSON.parse(list.stdout.toString()) as { awake: number }[]
    if (rows.every(({ awake }) => awake === 0)) return
    await Bun.sleep(100)
  }
  throw new Error('the session did not fall asleep')
}

let failed = false
try {
  console.log(paint('1', '\nfjmcp-broker, once through\n'))
  await walk()
  console.log(`\n${count} steps, all well.`)
  if (stay && broker) {
    console.log(
      `\nStill running. Connect your own client to\n\n    ${paint('1', `${broker.url}/mcp`)}\n`,
    )
    console.log(
      `Log in as alice or bob with the password “password”. Forgejo stand-in: ${forgejo.url}`,
    )
    console.log('Ctrl-C ends it.')
    await new Promise<void>((resolve) => {
      process.once('SIGINT', () => resolve())
      process.once('SIGTERM', () => resolve())
    })
  }
} catch (error) {
  failed = true
  console.error(`${paint('31', '✗')}     ${error instanceof Error ? error.message : error}`)
  if (broker) console.error(broker.log().trimEnd().split('\n').slice(-20).join('\n'))
} finally {
  await broker?.stop()
  if (broker) removeFolder(broker.folder)
  await forgejo.stop()
}
process.exit(failed ? 1 : 0)
