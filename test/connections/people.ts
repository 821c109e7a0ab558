import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/clock.ts'
import { hashToken, randomToken, type TokenHash } from '../../src/crypto.ts'
import type { Caller } from '../../src/store/families.ts'
import { type Flow, got } from '../flows/kit.ts'

const ownerOf = ({ accountId, clientId, familyId }: Caller) => ({ accountId, clientId, familyId })

/** Adds a session of a caller, as a registry does; its hash. */
export function addSession(flow: Flow, caller: Caller): TokenHash {
  const { store, clock } = flow
  const idHash = hashToken(randomToken())
  store.sessions.add(clock.now(), {
    idHash,
    ...ownerOf(caller),
    protocolVersion: '2025-11-25',
    initializeParams: '{}',
    initializeResult: '{}',
  })
  const about = { ...ownerOf(caller), sessionHash: idHash }
  store.audit.add(clock.now(), { event: 'session.created', ...about })
  return idHash
}

/** The apps of `liveAWhile`, by name. */
const APPS = {
  Claude: 'https://claude.ai/api/mcp/auth_callback',
  'Visual Studio Code': 'http://127.0.0.1:33418/',
  Cursor: 'cursor://anysphere.cursor-retrieval/oauth/callback',
} as const

/** Connects one of the apps as alice; `scope` is what it asks for. */
export async function connectApp(flow: Flow, name: keyof typeof APPS, scope?: string) {
  const redirectUri = APPS[name]
  const clientId = await flow.register(name, [redirectUri])
  const { url, verifier } = flow.request(clientId, {
    redirect_uri: redirectUri,
    ...(scope && { scope }),
  })
  const back = await flow.walk(url, { user: 'alice' })
  const tokens = got(
    await flow.token({
      grant_type: 'authorization_code',
      client_id: clientId,
      code: back.searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: redirectUri,
    }),
  )
  const caller = flow.verifier.verify(tokens.access_token)
  if (!caller.ok) throw new Error(`the token is ${caller.error}`)
  return { tokens, ...caller.value }
}

/** Some weeks of a person with three apps: one at work, one that was refused something, one that is signed out. */
export async function liveAWhile(flow: Flow): Promise<void> {
  const { audit, sessions } = flow.store
  const { clock } = flow
  const cursor = await connectApp(flow, 'Cursor')
  await clock.advance(12 * DAY_MS)
  await flow.post('/oauth/revoke', { token: cursor.tokens.refresh_token })
  const code = await connectApp(flow, 'Visual Studio Code', 'read:repository read:issue')
  addSession(flow, code)
  await clock.advance(7 * DAY_MS)
  const claude = await connectApp(flow, 'Claude')
  for (let count = 0; count < 3; count += 1) addSession(flow, claude)
  await clock.advance(5 * HOUR_MS)
  audit.add(clock.now(), { event: 'session.slept', ...ownerOf(claude) })
  audit.add(clock.now(), { event: 'vault.renewed', accountId: claude.accountId })
  await clock.advance(20 * HOUR_MS)
  audit.add(clock.now(), { event: 'session.woke', ...ownerOf(claude) })
  await flow.refresh(claude.clientId, claude.tokens.refresh_token)
  await clock.advance(3 * DAY_MS)
  audit.add(clock.now(), {
    event: 'scope.refused',
    ...ownerOf(code),
    reason: 'create_issue needs write:issue',
  })
  flow.awakeNow.set(claude.clientId, 1)
  const busy = addSession(flow, claude)
  sessions.used(busy, { lastUsedAt: clock.now(), calls: 3, nextStream: 1 })
  await clock.advance(12 * MINUTE_MS)
}
