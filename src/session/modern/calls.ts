import { type Clock, SECOND_MS, within } from '../../clock.ts'
import { randomId, randomKey } from '../../crypto.ts'
import { MODERN_RPC, RPC } from '../../errors.ts'
import { LIST_MEMBERS } from '../../mcp/modern/outcome.ts'
import { paramMismatch } from '../../mcp/modern/param-headers.ts'
import { readSaid } from '../../mcp/modern/questions.ts'
import { createStates } from '../../mcp/modern/state.ts'
import { errorText, type Params } from '../../mcp/rpc.ts'
import { ok, type Result, type Soon } from '../../result.ts'
import type { Caller } from '../../store/families.ts'
import type { PoolChild, PoolKey } from '../pool/child.ts'
import type { Lease } from '../pool/exclusive.ts'
import type { Pool } from '../pool/pool.ts'
import type { Refusal } from '../refusal.ts'
import { createScopeKey } from '../scope-key.ts'
import { Dialogue } from './dialogue.ts'
import { digestOf, repetitionOf } from './digest.ts'
import type { Lists } from './lists.ts'
import { createMemo } from './memo.ts'
import type { Parking } from './parking.ts'
import { createQuestionnaire, type Questionnaire } from './questionnaire.ts'
import type { HeaderParams } from './shelf.ts'
import { forward } from './told.ts'
import { ASKING, ask, conclusion, DONE, say, type Taken, type Turn } from './turn.ts'

/** What a client lacks that was asked for nothing, and can be. */
const NOTHING: ReadonlySet<string> = new Set()

/** How long a child may take to be told to log, in ms. */
const SET_LEVEL_MS = 5 * SECOND_MS

export interface CallsDeps {
  clock: Clock
  pool: Pool
  lists: Lists
  parking: Parking<Dialogue>
  /** Told what a child of the account says that concerns everybody. */
  changed(accountId: string, method: string, params: Params): void
  /** Told of a caller that brought a `requestState` which was not made for its request. */
  stateRefused(caller: Caller): void
}

/** The calls of stateless clients that a child must answer. */
export interface Calls {
  /** A call that shares its child with others: it cannot ask anything of its client. */
  share(turn: Turn, key: PoolKey): Soon<Result<Taken, Refusal>>
  /** A call with a child of its own: what the child says is about nothing else. */
  converse(turn: Turn, key: PoolKey): Promise<Result<Taken, Refusal>>
  /** A request that brings answers to what an earlier one was asked. */
  goOn(turn: Turn): Taken
}

/** A call that was made, or what has to be found out before. */
type Started =
  | { taken: Taken; looking?: undefined }
  | { taken?: undefined; looking: Promise<HeaderParams> }

/** No calls yet. */
export function createCalls(deps: CallsDeps): Calls {
  const { changed, clock, lists, parking, pool, stateRefused } = deps
  const memo = createMemo(clock)
  const states = createStates(randomKey())
  const scopeKey = createScopeKey()

  const isMismatched = ({ call, sink }: Turn, params: HeaderParams): boolean => {
    const { idText, params: { name, arguments: args } = {} } = call.request
    const known = typeof name === 'string' ? (params.get(name) ?? []) : []
    const wrong = paramMismatch(known, args, call.paramHeaders)
    if (wrong === undefined) return false
    const text = errorText(idText, MODERN_RPC.headerMismatch, `Header mismatch: ${wrong}`)
    sink.end({ status: 400, text })
    return true
  }

  const callPlainly = (child: PoolChild, turn: Turn): Taken => {
    const { call, sink } = turn
    let questions: Questionnaire | undefined
    return say(child, call, {
      message(text) {
        const said = readSaid(text)
        if (said?.kind === 'ask') {
          questions ??= createQuestionnaire({
            child: child.live,
            capabilities: NOTHING,
            mayAsk: ASKING.has(call.request.method),
          })
          questions.add(said)
        }
        if (said?.kind === 'notification')
          forward(turn, said, text, (method, params) =>
            changed(child.key.accountId, method, params),
          )
      },
      end: (text) => sink.end(conclusion(child, call, text, questions?.lacked ?? NOTHING)),
    })
  }

  const startWith = (child: PoolChild, turn: Turn, params: HeaderParams | undefined): Taken => {
    if (turn.hasLeft() || (params && isMismatched(turn, params))) return DONE
    if (turn.call.request.method in LIST_MEMBERS) return lists.ask(child, turn)
    return callPlainly(child, turn)
  }

  const askVerbosely = async (child: PoolChild, { call }: Turn): Promise<void> => {
    const { capabilities, era } = child.about
    if (!call.logLevel || child.verbose || era === 'modern' || !('logging' in capabilities)) return
    child.verbose = true
    await within(clock, SET_LEVEL_MS, ask(child, 'logging/setLevel', { level: 'debug' }))
  }

  const begin = (lease: Lease, turn: Turn, key: PoolKey): Taken => {
    const { accountId, clientId, familyId } = turn.caller
    const digest = digestOf(turn.call.request)
    const dialogue = new Dialogue(randomId('call'), turn, lease, {
      clock,
      parking,
      lease: () => pool.lease(key, familyId),
      seal: ({ id: callId }, round, expiresAt) =>
        states.seal({ callId, round }, { accountId, clientId, digest }, expiresAt),
      changed: (method, params) => changed(accountId, method, params),
    })
    dialogue.begin(turn)
    return { cancel: (reason) => dialogue.leave(turn, reason) }
  }

  /** Makes a call, once it is known which of its tool's parameters stand in headers too. */
  const withHeaders = async (
    first: Soon<Result<Started, Refusal>>,
    again: (found: HeaderParams) => Soon<Result<Started, Refusal>>,
  ): Promise<Result<Taken, Refusal>> => {
    for (let started = await first; ; ) {
      if (!started.ok) return started
      const { looking, taken } = started.value
      if (taken) return ok(taken)
      started = await again(await looking)
    }
  }

  return {
    share(turn, key) {
      const { familyId } = turn.caller
      const isTool = turn.call.request.method === 'tools/call'
      const start = (found?: HeaderParams) =>
        pool.share(key, familyId, (child): Started => {
          const params = isTool ? (found ?? lists.headerParams(child)) : undefined
          return isTool && !params
            ? { looking: lists.lookForHeaders(child) }
            : { taken: startWith(child, turn, params) }
        })
      const first = start()
      if (!(first instanceof Promise) && first.ok && first.value.taken) return ok(first.value.taken)
      return withHeaders(first, start)
    },

    async converse(turn, key) {
      const { call, caller } = turn
      const leased = await pool.lease(key, caller.familyId)
      if (!leased.ok) return leased
      const lease = leased.value
      const { child } = lease
      const unsaid = () => {
        // A call that is cancelled costs its child; this one was never made.
        lease.release(true)
        return ok(DONE)
      }
      if (turn.hasLeft()) return unsaid()
      if (call.request.method === 'tools/call') {
        const params = lists.headerParams(child) ?? (await lists.lookForHeaders(child))
        if (turn.hasLeft() || isMismatched(turn, params)) return unsaid()
      }
      if (call.request.method in LIST_MEMBERS) {
        const asked = lists.ask(child, turn)
        void asked.done.then(() => lease.release(true))
        return ok(asked)
      }
      await askVerbosely(child, turn)
      if (turn.hasLeft()) return unsaid()
      return ok(begin(lease, turn, key))
    },

    goOn(turn) {
      const { call, caller, sink } = turn
      const { accountId, clientId, scopes } = caller
      const { idText, params = {} } = call.request
      const digest = digestOf(call.request)
      const repetition = repetitionOf(digest, caller, call.request)
      if (memo.again(repetition, idText, sink)) return DONE
      const binding = { accountId, clientId, digest }
      const state = states.open(params.requestState, binding, clock.now())
      if (!state.ok && state.error === 'tampered') stateRefused(caller)
      const dialogue = state.ok ? parking.find(state.value.callId) : undefined
      // Its child acts with the scopes that the call was made with. People change them meanwhile, which is no offence.
      const waits =
        dialogue?.parkedAt !== undefined &&
        scopeKey(dialogue.first.caller.scopes) === scopeKey(scopes)
      if (!state.ok || !dialogue || !waits || dialogue.round !== state.value.round) {
        const text = errorText(idText, RPC.invalidParams, 'Invalid or expired requestState')
        sink.end({ status: 200, text })
        return DONE
      }
      const keeping = memo.keeping(repetition, idText, sink)
      const remembered = { ...turn, sink: keeping }
      dialogue.resume(remembered, params.inputResponses)
      return {
        cancel(reason) {
          dialogue.leave(remembered, reason)
          keeping.lost()
        },
      }
    },
  }
}
