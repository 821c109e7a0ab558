import { readCapabilities } from '../../src/mcp/modern/capabilities.ts'
import type { LogLevel } from '../../src/mcp/modern/envelope.ts'
import type { Outcome } from '../../src/mcp/modern/outcome.ts'
import type { Refusal } from '../../src/session/refusal.ts'
import type { Caller } from '../../src/store/families.ts'
import type { FakeChild } from '../fixtures/spawner.ts'
import { createWorld, request, type World } from '../session/world.ts'

/** A client that can be asked anything. */
export const ASKABLE = { elicitation: {}, sampling: {}, roots: {} }

export interface Asked {
  params?: Record<string, unknown>
  capabilities?: Record<string, unknown>
  logLevel?: LogLevel
  caller?: Caller
  id?: string | number
  headers?: Record<string, string>
  /** The client leaves while its request waits for a child. */
  left?: boolean
}

/** What a request came to: its outcome, or why it was not taken. */
export interface Came {
  messages: string[]
  outcome: Promise<Outcome>
  /** The result or error of the outcome. */
  reply(): Promise<Reply>
  refusal: Refusal | undefined
  cancel(reason?: string): void
}

export interface Reply {
  id: unknown
  result?: Record<string, unknown> & {
    resultType: string
    inputRequests?: Record<string, { method: string; params: Record<string, unknown> }>
    requestState?: string
  }
  error?: { code: number; message: string; data?: Record<string, unknown> }
}

/** A registry with children in memory, and stateless clients of it. */
export function createModernWorld(options: Parameters<typeof createWorld>[0] = {}) {
  const world: World = createWorld(options)

  /** Sends one request; resolves when it was taken or refused. */
  async function send(method: string, asked: Asked = {}): Promise<Came> {
    const { params = {}, capabilities = {}, logLevel, caller = world.alice, id = 1 } = asked
    const done = Promise.withResolvers<Outcome>()
    const messages: string[] = []
    let ended = false
    const taken = await world.registry.modern.request({
      caller,
      call: {
        request: request(method, params, id),
        version: '2026-07-28',
        capabilities: readCapabilities(capabilities),
        logLevel,
        paramHeaders: new Map(Object.entries(asked.headers ?? {})),
      },
      sink: {
        message: (text) => void messages.push(text),
        end(outcome) {
          if (ended) throw new Error(`answered twice: ${outcome.text}`)
          ended = true
          done.resolve(outcome)
        },
      },
      shown: (text) => text,
      mayRead: () => true,
      hasLeft: () => asked.left === true,
    })
    await world.clock.settle()
    return {
      messages,
      outcome: done.promise,
      reply: async () => JSON.parse((await done.promise).text) as Reply,
      refusal: taken.ok ? undefined : taken.error,
      cancel: (reason = 'the client left') => taken.ok && taken.value.cancel(reason),
    }
  }

  return {
    ...world,
    get registry() {
      return world.registry
    },
    send,
    call: (name: string, asked: Asked = {}) =>
      send('tools/call', { ...asked, params: { name, arguments: {}, ...asked.params } }),
    /** A call that may be asked something. */
    interact: (name: string, asked: Asked = {}) =>
      send('tools/call', {
        capabilities: ASKABLE,
        ...asked,
        params: { name, arguments: {}, ...asked.params },
      }),
    /** The child asks for a form; resolves once the client has the question. */
    async asks(child: FakeChild, id: string, more: Record<string, unknown> = {}) {
      child.say({
        jsonrpc: '2.0',
        id,
        method: 'elicitation/create',
        params: { message: id, requestedSchema: { type: 'object' }, ...more },
      })
      await world.clock.settle()
    },
  }
}

export type ModernWorld = ReturnType<typeof createModernWorld>

/** What a child was answered to its own question. */
export const answerTo = (child: FakeChild, id: string): unknown =>
  child.received.find((message) => message.id === id && message.method === undefined)?.result

/** A form that was filled in. */
export const accepted = (content: Record<string, unknown> = {}) => ({ action: 'accept', content })
