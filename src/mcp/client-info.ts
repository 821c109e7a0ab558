import { RESERVED } from './methods.ts'
import { isObject, type Params } from './rpc.ts'

/**
 * Clients that a challenge for more scopes (403 `insufficient_scope`) breaks at once, by what they call themselves.
 * Whatever answers a challenge in a way that can be seen has no place here: src/oauth/step-up.ts sees to it.
 */
const BROKEN_BY_CHALLENGES: readonly RegExp[] = [
  // mcp-remote 0.15.1 keeps the call until a login comes back, however long that takes; after a "no" it keeps every
  // further one without asking again. It adds itself to the name of the application behind it.
  /\(via mcp-remote [^()]*\)$/,
  // The inspector's command line 2.12.0 refreshes, gets no more scopes, and ends with an error about itself.
  /^inspector-cli$/,
]

/** What a client calls itself in the params of `initialize`; undefined when it does not say. */
export function clientName(params: Params | undefined): string | undefined {
  const info = params?.clientInfo
  return isObject(info) && typeof info.name === 'string' ? info.name : undefined
}

/** What a client of 2026-07-28 calls itself in the params of any request. */
export function modernClientName(params: Params | undefined): string | undefined {
  const meta = params?._meta
  return isObject(meta) ? clientName({ clientInfo: meta[`${RESERVED}clientInfo`] }) : undefined
}

/** Whether a client of that name can do something with a challenge; one that is not known is believed to. */
export const takesChallenges = (name: string | undefined): boolean =>
  name === undefined || !BROKEN_BY_CHALLENGES.some((pattern) => pattern.test(name))
