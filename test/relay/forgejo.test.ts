import { afterEach, expect, test } from 'bun:test'
import { silentLog } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import type { Credential } from '../../src/oauth/credential.ts'
import type { ChildAccess } from '../../src/relay/access.ts'
import { startRelay } from '../../src/relay/relay.ts'
import { manualClock } from '../fixtures/clock.ts'
import { refresh } from '../fixtures/forgejo/driver.ts'
import { startForgejo } from '../fixtures/forgejo/server.ts'
import { endAll, listen, run } from '../fixtures/forgejo-mcp/harness.ts'

const SCOPES = 'read:user write:repository write:issue'
const PUBLIC = 'https://forge.example/git'

afterEach(endAll)

/** A Forgejo 16 below a path, known to browsers under another name, a relay in front of it, and a child of alice's. */
async function alicesChild() {
  const forgejo = await startForgejo({ profile: 'v16', subPath: '/git', rootUrl: PUBLIC })
  let pair = forgejo.issueTokens('alice', SCOPES)
  const tokens = [pair.access_token]
  let current: Credential = {
    kind: 'ready',
    token: pair.access_token,
    generation: 1,
    expiresAt: 4e12,
  }
  const rejected = async (): Promise<Credential> => {
    const answer = await refresh(forgejo, pair.refresh_token)
    if (answer.status !== 200) {
      current = { kind: 'dead', reason: 'revoked' }
      return current
    }
    pair = answer.body
    tokens.unshift(pair.access_token)
    current = {
      ...current,
      kind: 'ready',
      token: pair.access_token,
      generation: 2,
      expiresAt: 4e12,
    }
    return current
  }
  const relay = startRelay({
    config: {
      forgejoUrl: PUBLIC,
      forgejoInternalUrl: forgejo.url,
      forgejoScopes: SCOPES.split(' '),
      callTimeoutMs: 300_000,
      shutdownGraceMs: 0,
    },
    vault: {
      peek: () => current,
      renew: rejected,
      rejected,
      secrets: () => tokens.slice(0, 2),
    },
    clock: manualClock(),
    log: silentLog,
    metrics: createMetrics(),
    facts: { get: () => undefined, set: () => {} },
    audit: () => {},
    scopesNow: ({ scopes }) => scopes,
  })
  const opened = await relay.open({ accountId: 'a', scopes: SCOPES.split(' '), leased: true })
  if (!opened.ok) throw new Error(opened.error.reason)
  const access: ChildAccess = opened.value
  const child = run(access.url, {
    env: { ...access.env, FORGEJO_ACCESS_TOKEN: access.credential },
  })
  /** What a client would read of the child's answer to a call. */
  const call = async (id: number, name: string, args: unknown = {}) =>
    access.clean(JSON.stringify(await child.call(id, name, args)))
  return {
    forgejo,
    access,
    child,
    call,
    tokens,
    async [Symbol.asyncDispose]() {
      child.closeInput()
      await endAll()
      await relay.stop()
      await forgejo.stop()
    },
  }
}

const HELLO = { owner: 'alice', repo: 'hello' }

test('a child works through the relay as its user: reads, writes and downloads', async () => {
  await using kit = await alicesChild()
  expect(await kit.call(1, 'get_my_user_info')).toContain('alice')
  expect(await kit.call(2, 'create_issue', { ...HELLO, title: 'new', body: '' })).toContain('new')
  const [issue] = kit.forgejo.world.forge.repos[0]?.issues ?? []
  const [asset] = issue?.assets ?? []
  const ids = { ...HELLO, index: 1, attachment_id: asset?.id }
  const download = await kit.call(3, 'download_issue_attachment', ids)
  expect(download).toContain(btoa('notes of alice\n'))
  expect(download).toContain(`${PUBLIC}/attachments/${asset?.uuid}`)
  expect(download).not.toContain(kit.access.url)
  const sent = JSON.stringify(kit.forgejo.requests)
  expect(sent).not.toContain(kit.access.credential)
  expect(new Set(kit.forgejo.requests.map(({ token }) => token))).toEqual(new Set(kit.tokens))
})

test('a token that ended is healed before the child hears of it', async () => {
  await using kit = await alicesChild()
  expect(await kit.call(1, 'get_my_user_info')).toContain('alice')
  kit.forgejo.control.advance(2 * 3_600_000)
  expect(await kit.call(2, 'create_issue', { ...HELLO, title: 'once', body: '' })).toContain('once')
  expect(kit.forgejo.counts.refreshes).toBe(1)
  const titles = kit.forgejo.world.forge.repos[0]?.issues.map(({ title }) => title)
  expect(titles?.filter((title) => title === 'once')).toHaveLength(1)
})

test('a revoked application gives the child a text without a token', async () => {
  await using kit = await alicesChild()
  expect(await kit.call(1, 'get_my_user_info')).toContain('alice')
  kit.forgejo.control.revoke('alice')
  const answer = await kit.child.call(2, 'get_my_user_info')
  expect(answer.error?.message).toContain('sign in to Forgejo')
  expect(JSON.stringify(answer)).not.toContain('[sha:')
  for (const token of kit.tokens) expect(JSON.stringify(answer)).not.toContain(token)
})

test('an asset that leads elsewhere is not fetched by the child', async () => {
  const foreign = listen(() => new Response('inside the LAN'))
  try {
    await using kit = await alicesChild()
    await kit.child.ask(1, 'ping')
    kit.forgejo.control.downloadsFrom(foreign.url)
    const asset = kit.forgejo.world.forge.repos[0]?.issues[0]?.assets[0]
    const ids = { ...HELLO, index: 1, attachment_id: asset?.id }
    const answer = await kit.call(2, 'download_issue_attachment', ids)
    expect(answer).toContain('this is no proxy')
    expect(foreign.seen).toHaveLength(0)
    // What the user reads of it elsewhere is the URL as Forgejo has it.
    expect(await kit.call(3, 'get_issue_attachment', ids)).toContain(`${foreign.url}/`)
  } finally {
    foreign.stop()
  }
})
