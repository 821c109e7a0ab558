import { hmac, type Key, sameSecret } from '../../crypto.ts'
import { err, ok, type Result } from '../../result.ts'

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

/**
 * Why a text says nothing: it is not what was sealed for this binding, or its time is up, as is that of everything that
 * was sealed with another key.
 */
export type StateProblem = 'tampered' | 'over'

/** Makes and reads the opaque text that a client sends back with its answers (mrtr, "Server Requirements" 4, 5). */
export interface States {
  seal(state: CallState, binding: Binding, expiresAt: number): string
  open(text: unknown, binding: Binding, now: number): Result<CallState, StateProblem>
}

/** The longest text that is looked at, in characters. */
const MAX_STATE = 256

/** How many characters tell one key from another. */
const MARK = 8

/** @param key lives as long as the calls that the states are of: with the process */
export function createStates(key: Key): States {
  const mac = (body: string, { accountId, clientId, digest }: Binding): string =>
    hmac(key, JSON.stringify([body, accountId, clientId, digest]))
  const ours = hmac(key, 'mark').slice(0, MARK)
  return {
    seal({ callId, round }, binding, expiresAt) {
      const body = `${ours}.${callId}.${round}.${expiresAt}`
      return `${body}.${mac(body, binding)}`
    },
    open(text, binding, now) {
      if (typeof text !== 'string' || text.length > MAX_STATE) return err('tampered')
      const [, body = '', mark, callId = '', round, expiresAt, sent = ''] =
        /^(([\w-]{8})\.(\w+)\.(\d+)\.(\d+))\.([\w-]+)$/.exec(text) ?? []
      if (mark !== undefined && mark !== ours) return err('over')
      if (!sameSecret(sent, mac(body, binding))) return err('tampered')
      return Number(expiresAt) > now ? ok({ callId, round: Number(round) }) : err('over')
    },
  }
}
