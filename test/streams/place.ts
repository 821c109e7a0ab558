import { createSpawn } from '../../src/child/child.ts'
import { systemClock } from '../../src/clock.ts'
import type { Config } from '../../src/config.ts'
import { silentLog } from '../../src/log.ts'
import { err, ok } from '../../src/result.ts'
import type { Registry } from '../../src/session/registry.ts'
import { LiveSession } from '../../src/session/session.ts'
import { standInBinary } from '../fixtures/binary.ts'
import { createHttpKit } from '../http/kit.ts'
import { type SeenEvent, watch } from '../mcp/streams-harness.ts'
import { createWorld, INITIALIZE, type World } from '../session/world.ts'

/** Callers of the session world by their bearer tokens. */
const USERS = ['alice', 'bob', 'phone', 'second'] as const
export type User = (typeof USERS)[number]

const POLL_MS = 5

export interface PlaceOptions {
  /** Real children, with the test tools, and the machine's clock; else children in memory and a manual clock. */
  real?: boolean
  config?: Partial<Config>
}

export type Place = ReturnType<typeof openPlace>

/** The session world behind real HTTP on a socket; only logins are scripted. */
export function openPlace({ real = false, config = {} }: PlaceOptions = {}) {
  const forgejo = real
    ? Bun.serve({
        hostname: '127.0.0.1',
        port: 0,
        fetch: () => Response.json({ version: '15.0.3' }),
      })
    : undefined
  const world: World = createWorld({
    realTime: real,
    config: {
      maxBodyBytes: 32 * 1024 * 1024,
      ...config,
      ...(real && { forgejoMcpBinary: standInBinary({ testTools: true }) }),
    },
    ...(forgejo && {
      url: forgejo.url.href,
      spawn: createSpawn({ clock: systemClock, log: silentLog, graceMs: 300 }),
    }),
  })
  // After a restart there is another one.
  const registry: Pick<Registry, 'initialize' | 'find' | 'end' | 'modern'> = {
    initialize: (...given) => world.registry.initialize(...given),
    find: (...given) => world.registry.find(...given),
    end: (...given) => world.registry.end(...given),
    modern: { request: (turn) => world.registry.modern.request(turn) },
  }
  const kit = createHttpKit({
    config: { publicUrl: 'http://127.0.0.1', rateLimit: false, ...config },
    deps: {
      clock: real ? systemClock : world.clock,
      registry,
      permissions: { denial: () => undefined, shown: (_request, _held, sink) => sink },
      verifier: {
        verify(token) {
          const user = USERS.find((name) => name === token)
          return user ? ok(world[user]) : err('unknown')
        },
        holds: () => false,
        forget() {},
      },
    },
  })
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    development: false,
    idleTimeout: 255,
    fetch: (request) => kit.app.fetch(request),
  })
  const url = `http://127.0.0.1:${server.port}/mcp`

  return {
    url,
    port: server.port ?? 0,
    world,
    kit,

    /** Opens a session as a client does. */
    async connect(user: User = 'alice', protocolVersion = '2025-11-25'): Promise<Peer> {
      const opened = await fetch(url, {
        method: 'POST',
        headers: headersOf(user),
        body: message('initialize', { ...INITIALIZE, protocolVersion }, 0),
      })
      const id = opened.headers.get('mcp-session-id')
      if (!id) throw new Error(`no session: ${opened.status} ${await opened.text()}`)
      const peer = createPeer(url, user, id)
      await peer.notify('notifications/initialized')
      return peer
    },

    /** Requests whose answers the server still writes. */
    get pending() {
      return server.pendingRequests
    },

    /** Calls of a session that its child has been sent and not answered. */
    inFlight({ sessionId }: Peer): number {
      const found = world.registry.find(world.alice, sessionId)
      if (!found.ok || !(found.value instanceof LiveSession)) return 0
      return [...found.value.seats].reduce((sum, { current }) => sum + (current?.inFlight ?? 0), 0)
    },

    /** A client that holds the id of a session, be it its own or not. */
    peer: (user: User, sessionId: string) => createPeer(url, user, sessionId),

    async [Symbol.asyncDispose]() {
      await server.stop(true)
      await world.close()
      kit.close()
      await forgejo?.stop(true)
    },
  }
}

/** A JSON-RPC request, or a notification when it has no id. */
export const message = (method: string, params: unknown = {}, id?: number | string): string =>
  JSON.stringify({ jsonrpc: '2.0', ...(id !== undefined && { id }), method, params })

export const headersOf = (user: User, sessionId?: string): Record<string, string> => ({
  Authorization: `Bearer ${user}`,
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
  ...(sessionId && { 'Mcp-Session-Id': sessionId }),
})

/** What a request came to: its head at once, its body as it comes. */
export interface Answer {
  status: number
  headers: Headers
  body: ReturnType<typeof watch>
  /** Waits for as many events, the priming one included; what the test waits for in vain ends it by its own timeout. */
  events(count: number): Promise<SeenEvent[]>
  /** The whole body, once it was read to its end. */
  text(): Promise<string>
  /** The client goes away. */
  leave(): void
}

export type Peer = ReturnType<typeof createPeer>

function createPeer(url: string, user: User, sessionId: string) {
  let lastId = 0

  const ask = async (init: RequestInit & { headers?: Record<string, string> }): Promise<Answer> => {
    const gone = new AbortController()
    const headers = { ...headersOf(user, sessionId), ...init.headers }
    const response = await fetch(url, { ...init, headers, signal: gone.signal })
    const body = watch({ body: response.body ?? new Blob([]).stream() })
    return {
      status: response.status,
      headers: response.headers,
      body,
      leave: () => gone.abort(),
      async events(count) {
        for (let read = -1; ; ) {
          // A large text is read anew only when there is more of it.
          const seen = body.text.length === read ? [] : await body.events()
          read = body.text.length
          if (seen.length >= count) return seen
          await Bun.sleep(POLL_MS)
        }
      },
      async text() {
        while (body.state === 'open') await Bun.sleep(POLL_MS)
        return body.text
      },
    }
  }
  const post = (body: string) => ask({ method: 'POST', body })

  return {
    sessionId,
    ask,
    post,
    call: (
      name: string,
      args: unknown = {},
      more: { id?: number | string; _meta?: unknown } = {},
    ) => {
      const { id = ++lastId, ...meta } = more
      return post(message('tools/call', { name, arguments: args, ...meta }, id))
    },
    notify: (method: string, params?: unknown) => post(message(method, params)),
    /** Answers a question of the child. */
    reply: (id: unknown, result: unknown) => post(JSON.stringify({ jsonrpc: '2.0', id, result })),
    listen: (lastEventId?: string) =>
      ask({
        method: 'GET',
        headers: {
          Accept: 'text/event-stream',
          ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }),
        },
      }),
    end: () => ask({ method: 'DELETE' }),
  }
}

/** The data of events as JSON, those without any left out. */
export const messagesOf = (events: readonly SeenEvent[]) =>
  events.flatMap(({ data }) => (data === '' ? [] : [JSON.parse(data)]))
