import { hmac, type Key, sameSecret } from '../../crypto.ts'

/** What a `requestState` says, once it is known to be ours. */
export interface CallState {
  callId: string
  round: number
}

/** What a `requestState` is bound to besides: it is good for the same request of the same caller only. */
export interface Binding {
  accountId: string
  clientId: string
  /** Of the method and of what is asked for. */
  digest: string
}

/** Makes and reads the opaque text that a client sends back with its answers (mrtr, "Server Requirements" 4, 5). */
export interface States {
  seal(state: CallState, binding: Binding, expiresAt: number): string
  /** Undefined for anything that was not sealed here for this binding, or whose time is up. */
  open(text: unknown, binding: Binding, now: number): CallState | undefined
}

/** The longest text that is looked at, in characters. */
const MAX_STATE = 256

/** @param key lives as long as the calls that the states are of: with the process */
export function createStates(key: Key): States {
  const mac = (body: string, { accountId, clientId, digest }: Binding): string =>
    hmac(key, JSON.stringify([body, accountId, clientId, digest]))
  return {
    seal({ callId, round }, binding, expiresAt) {
      const body = `${callId}.${round}.${expiresAt}`
      return `${body}.${mac(body, binding)}`
    },
    open(text, binding, now) {
      if (typeof text !== 'string' || text.length > MAX_STATE) return undefined
      const [, body = '', callId = '', round, expiresAt, sent = ''] =
        /^((\w+)\.(\d+)\.(\d+))\.([\w-]+)$/.exec(text) ?? []
      if (!sameSecret(sent, mac(body, binding)) || Number(expiresAt) <= now) return undefined
      return { callId, round: Number(round) }
    },
  }
}
