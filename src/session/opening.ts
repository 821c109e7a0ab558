import type { Clock } from '../clock.ts'
import { hashToken, randomSessionId } from '../crypto.ts'
import type { CallSink } from '../mcp/calls.ts'
import type { RpcRequest } from '../mcp/rpc.ts'
import { ok, type Result } from '../result.ts'
import type { Caller } from '../store/families.ts'
import type { Store } from '../store/open.ts'
import type { Book } from './book.ts'
import type { Launched, Launcher } from './launch.ts'
import type { LiveChild } from './live.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { LiveSession } from './session.ts'

/** Sessions in the making: from the client's `initialize` until its child has answered. */
export interface Openings {
  /** See Registry.initialize. */
  initialize(
    caller: Caller,
    request: RpcRequest,
    sink: CallSink,
  ): Promise<Result<{ sessionId: string | undefined }, Refusal>>
  /** Stops those of the callers that match: their access was revoked meanwhile. */
  callOff(matches: (caller: Caller) => boolean): void
}

interface Opening {
  caller: Caller
  child: LiveChild | undefined
  calledOff: boolean
}

type Ready = Extract<Launched, { kind: 'ready' }>

/** Makes sessions with the launcher's children and enters them in the book. Throws SQLiteError when a row cannot be written. */
export function createOpenings(deps: {
  book: Book
  launcher: Launcher
  store: Store
  clock: Clock
}): Openings {
  const { book, clock, launcher, store } = deps
  const openings = new Set<Opening>()

  /** Writes the session down and gives it its child; from here on the client can use it. */
  function begin(caller: Caller, request: RpcRequest, id: string, ready: Ready): LiveSession {
    const { accountId, clientId, familyId } = caller
    const idHash = hashToken(id)
    const now = clock.now()
    const row = store.transaction(() => {
      const owner = { accountId, clientId, familyId }
      store.audit.add(now, { event: 'session.created', ...owner, sessionHash: idHash })
      return store.sessions.add(now, {
        idHash,
        ...owner,
        protocolVersion: ready.protocolVersion,
        initializeParams: JSON.stringify(request.params ?? {}),
        initializeResult: JSON.stringify(ready.result),
      })
    })
    const session = book.add(row)
    session.adopt(caller.scopes, ready.child)
    return session
  }

  async function run(opening: Opening, request: RpcRequest, sink: CallSink) {
    const { caller } = opening
    const sessionId = randomSessionId()
    let session: LiveSession | undefined
    const launched = await launcher.launch({
      accountId: caller.accountId,
      clientId: caller.clientId,
      scopes: caller.scopes,
      sessionHash: hashToken(sessionId),
      reason: 'initialize',
      initialize: request,
      message: (text) => sink.message(text),
      unsolicited: (text, open) => session?.unsolicited(text, open),
      // Before its answer to `initialize` a child has nothing to ask (MCP lifecycle).
      nextAsk: () => session?.nextAsk() ?? 0,
      spawned(child) {
        opening.child = child
      },
    })
    // Another process may have revoked it meanwhile; nobody would look for a session that begins after that.
    if (opening.calledOff || store.families.dead([caller.familyId]).length > 0) {
      if (launched.ok && launched.value.kind === 'ready')
        void launched.value.child.stop('session-ended')
      return refuse('login', 'access was revoked')
    }
    if (!launched.ok) return launched
    if (launched.value.kind === 'declined') {
      sink.end(launched.value.text)
      return ok({ sessionId: undefined })
    }
    try {
      session = begin(caller, request, sessionId, launched.value)
    } catch (error) {
      void launched.value.child.stop('session-ended')
      throw error
    }
    sink.end(launched.value.text)
    return ok({ sessionId })
  }

  return {
    async initialize(caller, request, sink) {
      const opening: Opening = { caller, child: undefined, calledOff: false }
      openings.add(opening)
      try {
        return await run(opening, request, sink)
      } finally {
        openings.delete(opening)
      }
    },
    callOff(matches) {
      for (const opening of openings) {
        if (!matches(opening.caller)) continue
        opening.calledOff = true
        void opening.child?.stop('session-ended')
      }
    },
  }
}
