import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { hashToken } from '../../src/crypto.ts'
import type { Login } from '../e2e/login.ts'
import { bearer, openSession, type Session, send } from '../e2e/wire.ts'
import { openWorld, type World } from '../e2e/world.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { type Browser, createBrowser } from '../fixtures/browser.ts'
import { recordedChildren, stillAlive } from '../fixtures/processes.ts'
import { until } from '../fixtures/until.ts'
import { connectionsOn, submitFor, visitAs } from './visitor.ts'

/** What the page does must have reached a running client by then, in milliseconds. */
const AT_ONCE_MS = 1_000

const SLOW_MS = 60_000

let world: World
beforeAll(async () => {
  world = await openWorld({ program: FROM_SOURCE })
}, SLOW_MS)
afterAll(() => world[Symbol.asyncDispose]())

interface Running {
  login: Login
  session: Session
  /** What its open stream has said so far; `ended` once it is over. */
  stream: { text: string; ended: boolean }
  browser: Browser
  grantId: string
}

/** A client at work, with a stream open, and its user on the page. */
async function running(client: string): Promise<Running> {
  const login = await world.login('alice', { client })
  const session = await openSession(world.mcpUrl, login)
  await session.whoami()
  const { 'Content-Type': _, ...headers } = bearer(login, session.id)
  const answer = await fetch(world.mcpUrl, {
    headers: { ...headers, Accept: 'text/event-stream' },
  })
  const stream = { text: '', ended: false }
  const reading = async () => {
    const decoder = new TextDecoder()
    for await (const chunk of answer.body ?? []) stream.text += decoder.decode(chunk)
  }
  void reading()
    .catch(() => {})
    .finally(() => {
      stream.ended = true
    })
  const browser = createBrowser()
  const page = await visitAs({ issuer: world.url, forgejo: world.forgejo }, 'alice', browser)
  return { login, session, stream, browser, grantId: connectionsOn(page)[0] ?? '' }
}

const writing = { owner: 'alice', repo: 'demo', title: 'From a test', body: 'x' }

describe('a client at work', () => {
  test(
    'that is narrowed reads on and writes no more, and its stream hears of it',
    async () => {
      const { session, stream, browser, grantId, login } = await running('Narrowed')
      const before = await toolsOf(session)
      expect(before).toContain('create_issue')
      await submitFor(browser, grantId, { do: 'change', access: 'read' })

      const written = world.forgejo.requests.length
      const refused = await session.request('tools/call', {
        name: 'create_issue',
        arguments: writing,
      })
      expect(refused.status).toBe(403)
      expect(refused.headers.get('www-authenticate')).toContain('insufficient_scope')
      const sent = world.forgejo.requests.slice(written)
      expect(sent.filter(({ method }) => method === 'POST')).toEqual([])
      await until(
        'told',
        () => stream.text.includes('notifications/tools/list_changed'),
        AT_ONCE_MS,
      )
      expect(stream.ended).toBe(false)
      expect(await session.whoami()).toBe('alice')
      const after = await toolsOf(session)
      expect(after).not.toContain('create_issue')
      expect(after).toContain('get_my_user_info')

      await browser.get(`${world.url}/connections`)
      await submitFor(browser, grantId, { do: 'change', access: 'write' })
      expect(await toolsOf(session)).toEqual(before)
      expect(await session.end()).toBe(204)
      expect(login.tokens.scope).toContain('write:issue')
    },
    SLOW_MS,
  )

  test(
    'that is disconnected is out at once: token, session, stream and child',
    async () => {
      const { session, stream, browser, grantId, login } = await running('Disconnected')
      const children = recordedChildren(world.storePath, hashToken(session.id))
      expect(children).toHaveLength(1)
      await submitFor(browser, grantId, { do: 'disconnect' })
      const reply = await send(world.mcpUrl, bearer(login, session.id), {
        jsonrpc: '2.0',
        id: 1,
        method: 'ping',
      })
      expect(reply.status).toBe(401)
      await until('the stream is over', () => stream.ended, AT_ONCE_MS)
      await until('no child is left', () => stillAlive(children).length === 0, AT_ONCE_MS)
      await expect(login.refresh()).rejects.toThrow('invalid_grant')
      const rows = await world.json<{ event: string; reason: string }[]>(
        'audit',
        '--event',
        'grant',
        '--client',
        login.clientId,
      )
      expect(rows[0]).toMatchObject({
        event: 'grant.revoked',
        reason: 'by the user, on the connections page',
      })
    },
    SLOW_MS,
  )

  test(
    'shows as awake on the page, and what its account did shows in its history',
    async () => {
      const { browser, session } = await running('Shown')
      const page = await browser.get(`${world.url}/connections`)
      const card = page.html.split('<article').find((each) => each.includes('>Shown<')) ?? ''
      expect(card).toContain('1 awake')
      expect(card).toContain('It opened a session')
      const start = hashToken(session.id).slice(0, 12)
      const rows = await world.json<{ event: string }[]>('audit', '--session', start)
      expect(rows.map(({ event }) => event)).toContain('session.created')
      await session.end()
      const after = await browser.get(`${world.url}/connections`)
      const next = after.html.split('<article').find((each) => each.includes('>Shown<')) ?? ''
      expect(next).toContain('<dd>none</dd>')
    },
    SLOW_MS,
  )
})

async function toolsOf(session: Session): Promise<string[]> {
  const names: string[] = []
  let cursor: string | undefined
  do {
    const reply = await session.request('tools/list', cursor === undefined ? {} : { cursor })
    const result = reply.message?.result as { tools: { name: string }[]; nextCursor?: string }
    names.push(...result.tools.map(({ name }) => name))
    cursor = result.nextCursor
  } while (cursor !== undefined)
  return names
}
