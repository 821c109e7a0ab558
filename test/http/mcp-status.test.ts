import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Config } from '../../src/config.ts'
import { until } from '../fixtures/until.ts'
import { INITIALIZE } from '../session/world.ts'
import { headersOf, message, openPlace, type Peer, type Place } from '../streams/place.ts'

const MAX_BODY = 4096
const ALL = 'application/json, text/event-stream'

let place: Place
let peer: Peer

const open = async (config: Partial<Config> = {}) => {
  place = openPlace({ config: { maxBodyBytes: MAX_BODY, ...config } })
  peer = await place.connect()
}
beforeEach(() => open())
afterEach(() => place[Symbol.asyncDispose]())

interface Sent {
  method?: string
  query?: string
  headers: Record<string, string>
  body?: string
}

/** Sends exactly that; no error reply ever names a session. */
async function send({ method = 'POST', query = '', headers, body }: Sent) {
  const init = { method, headers, ...(body !== undefined && { body }) }
  const answer = await fetch(`${place.url}${query}`, init)
  if (answer.status >= 400) expect(answer.headers.has('mcp-session-id')).toBe(false)
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

const child = () => place.world.spawner.last

const header =
  (name: string, value?: string) =>
  (sent: Sent): void => {
    if (value === undefined) delete sent.headers[name]
    else sent.headers[name] = value
  }
const body =
  (text: string) =>
  (sent: Sent): void => {
    sent.body = text
  }
const noQuery = (sent: Sent): void => {
  delete sent.query
}

/** A status, and how to put right what it was for. */
type Row = [status: number, right: (sent: Sent) => void]

/** Everything that can be wrong with the head of a request. */
const EVIL = {
  Host: 'evil.example',
  Origin: 'http://evil.example',
  'Content-Type': 'text/plain',
  Accept: 'text/html',
  'MCP-Protocol-Version': '1999-01-01',
}

describe('a request that has every fault is answered for the first, then for the next', () => {
  /** Puts one fault right after the other; returns what the faultless request comes to. */
  async function climb(sent: Sent, rows: Row[]) {
    const seen: number[] = []
    for (const [, right] of rows) {
      seen.push((await send(sent)).status)
      right(sent)
    }
    expect(seen).toEqual(rows.map(([status]) => status))
    return await send(sent)
  }
  const ours = (): Row[] => [
    [403, header('Host', `127.0.0.1:${place.port}`)],
    [403, header('Origin')],
    [400, noQuery],
    [401, header('Authorization', 'Bearer nobody')],
    [401, header('Authorization', 'Bearer alice')],
  ]
  const session = async (): Promise<Row[]> => {
    const ended = await place.connect()
    await ended.end()
    return [
      [400, header('MCP-Protocol-Version', '2025-11-25')],
      [400, header('Mcp-Session-Id', 'never-was')],
      [404, header('Mcp-Session-Id', ended.sessionId)],
      [404, header('Mcp-Session-Id', peer.sessionId)],
    ]
  }

  test('POST', async () => {
    const sent = {
      query: '?access_token=alice',
      headers: { ...EVIL },
      body: 'x'.repeat(MAX_BODY + 1),
    }
    const last = await climb(sent, [
      ...ours(),
      [413, body('no json')],
      [415, header('Content-Type', 'application/json')],
      [406, header('Accept', ALL)],
      [400, body('{"jsonrpc":"1.0","id":1,"method":"ping"}')],
      [400, body(message('ping', {}, 1))],
      ...(await session()),
    ])
    expect([last.status, last.text]).toEqual([200, expect.stringContaining('"id":1')])
  })

  test('GET', async () => {
    const sent = { method: 'GET', query: '?access_token=alice', headers: EVIL_GET() }
    const last = await climb(sent, [...ours(), [406, header('Accept', ALL)], ...(await session())])
    expect(last.status).toBe(204)
  })

  test('DELETE', async () => {
    const sent = { method: 'DELETE', query: '?access_token=alice', headers: { ...EVIL } }
    const last = await climb(sent, [...ours(), ...(await session())])
    expect([last.status, last.text]).toEqual([204, ''])
    expect((await peer.call('echo')).status).toBe(404)
  })

  /** It asks for a stream that is over: one that goes on would not end. */
  const EVIL_GET = () => ({ ...EVIL, 'Last-Event-ID': '9-9' })
})

describe('a call', () => {
  const call = (more: Partial<Sent> = {}) =>
    send({
      headers: headersOf('alice', peer.sessionId),
      body: message('tools/call', { name: 'echo' }, 7),
      ...more,
    })
  const sleep = async () => {
    await place.world.clock.advance(3_600_000)
    place.world.registry.reap(place.world.clock.now())
    await until('asleep', () => place.world.spawner.alive.length === 0)
  }

  test('of an account that must log in again at Forgejo is 401, and a login heals it', async () => {
    const healthy = place.kit.flow.forgejo.credential
    place.kit.flow.forgejo.credential = { kind: 'dead', reason: 'superseded' }
    const refused = await call()
    expect([refused.status, refused.text]).toEqual([401, ''])
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"')
    place.kit.flow.forgejo.credential = healthy
    expect((await call()).status).toBe(200)
  })

  test('for which there is no room is 503, and says when to come again', async () => {
    await place[Symbol.asyncDispose]()
    await open({ maxSessionsPerUser: 1 })
    const busy = peer.call('hold')
    await until('busy', () => child().owed === 1)
    const { 'Mcp-Session-Id': _, ...headers } = headersOf('alice', '')
    const refused = await send({ headers, body: message('initialize', INITIALIZE, 'i') })
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeWithin(1, 61)
    expect(JSON.parse(refused.text)).toMatchObject({
      id: 'i',
      error: { code: -32000, data: { reason: 'full' } },
    })
    child().release()
    expect((await busy).status).toBe(200)
  })

  test('whose child cannot start is 503, and one whose credential cannot be had now', async () => {
    await sleep()
    place.world.access.refuse({ kind: 'later', reason: 'Forgejo is down', retryAfterMs: 90_000 })
    const later = await call()
    expect([later.status, later.headers.get('retry-after')]).toEqual([503, '60'])
    place.world.access.refuse(undefined)
    place.world.spawner.behave({ missing: true })
    const missing = await call()
    expect(missing.status).toBe(503)
    expect(JSON.parse(missing.text)).toMatchObject({ id: 7, error: { code: -32000 } })
    // A client that only listens asks for no child.
    expect((await peer.listen()).status).toBe(200)
  })

  test('under which the child dies has an error of its own, at 200', async () => {
    const held = peer.call('hold', {}, { id: 'mine' })
    await until('held', () => child().owed === 1)
    child().die()
    const answer = await held
    expect(answer.status).toBe(200)
    expect(JSON.parse(await answer.text())).toMatchObject({
      id: 'mine',
      error: { code: -32603, data: { reason: 'child-died' } },
    })
    expect((await call()).status).toBe(200)
  })

  test('is JSON with its id and nothing of the session in the head', async () => {
    const answer = await call()
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.has('mcp-session-id')).toBe(false)
    expect(answer.text).toContain('"id":7')
  })
})
