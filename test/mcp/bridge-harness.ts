import type { Bridge } from '../../src/mcp/bridge.ts'
import { createBridge } from '../../src/mcp/bridge.ts'
import type { CallSink } from '../../src/mcp/calls.ts'
import { parseBody } from '../../src/mcp/parse.ts'
import { type RpcResponse, rpcNotification } from '../../src/mcp/rpc.ts'
import { type ManualClock, manualClock } from '../fixtures/clock.ts'

export interface Heard extends CallSink {
  readonly said: string[]
  readonly answers: string[]
}

/** A sink that keeps what it hears. */
export function listener(): Heard {
  const said: string[] = []
  const answers: string[] = []
  return { said, answers, message: (text) => said.push(text), end: (text) => answers.push(text) }
}

/** A bridge over a channel in memory: what was sent, what strayed, and how a client and a child speak to it. */
export interface Harness {
  readonly clock: ManualClock
  readonly bridge: Bridge
  readonly sent: string[]
  readonly strays: { text: string; open: readonly CallSink[] }[]
  /** Whether the child takes lines. */
  room: boolean
  /** Sends a request as a client would write it; `rest` begins with a comma. */
  call(method: string, rest?: string, id?: string): Heard & { cancel(reason: string): void }
  tool(params?: string, id?: string): Heard & { cancel(reason: string): void }
  lastSent(): ReturnType<typeof JSON.parse>
  /** The child answers. */
  answer(id: number, result?: string): void
  /** The client cancels. */
  cancel(requestId: unknown, reason?: string): void
  /** The client answers the child. */
  clientAnswer(id: number | string, rest?: Partial<RpcResponse>): boolean
}

export function createHarness(): Harness {
  const clock = manualClock()
  const sent: string[] = []
  const strays: Harness['strays'] = []
  let asked = 100
  const bridge = createBridge({
    channel: { send: (line) => harness.room && sent.push(line) > 0 },
    clock,
    callTimeoutMs: 300_000,
    unsolicited: (text, open) => strays.push({ text, open }),
    clean: (text) => text.replaceAll('s3cret', '[redacted]'),
    idsFrom: () => ++asked,
  })
  const harness: Harness = {
    clock,
    bridge,
    sent,
    strays,
    room: true,
    call(method, rest = '', id = '1') {
      const text = `{"jsonrpc":"2.0","id":${id},"method":"${method}"${rest}}`
      const parsed = parseBody(Buffer.from(text))
      const request = parsed.ok ? parsed.value.messages[0] : undefined
      if (request?.kind !== 'request') throw new Error(text)
      const heard = listener()
      const open = bridge.call(request, heard)
      return { ...heard, cancel: (reason: string) => open.cancel(reason) }
    },
    tool: (params = '{}', id = '1') => harness.call('tools/call', `,"params":${params}`, id),
    lastSent: () => JSON.parse(sent.at(-1) ?? 'null'),
    answer: (id, result = '{}') =>
      bridge.receive(`{"jsonrpc":"2.0","id":${id},"result":${result}}`),
    cancel: (requestId, reason) =>
      bridge.notify(rpcNotification('notifications/cancelled', { requestId, reason })),
    clientAnswer: (id, rest = { result: {} }) =>
      bridge.answer({ kind: 'response', id, idText: JSON.stringify(id), ...rest }),
  }
  return harness
}
