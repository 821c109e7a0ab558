import type { Clock } from '../../clock.ts'
import type { Config } from '../../config.ts'
import { RPC } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Capabilities } from '../../mcp/modern/capabilities.ts'
import { endOfListening, isListChange } from '../../mcp/modern/listen.ts'
import { LIST_MEMBERS } from '../../mcp/modern/outcome.ts'
import { readSaid } from '../../mcp/modern/questions.ts'
import type { Params } from '../../mcp/rpc.ts'
import { ok, type Result, type Soon } from '../../result.ts'
import type { Caller } from '../../store/families.ts'
import type { Listener } from '../live.ts'
import { type About, createPoolKeys, type PoolKey } from '../pool/child.ts'
import { createPool, type Pool } from '../pool/pool.ts'
import type { StarterDeps } from '../pool/starter.ts'
import type { Refusal } from '../refusal.ts'
import type { Idle } from '../slots.ts'
import { createCalls } from './calls.ts'
import type { Dialogue } from './dialogue.ts'
import { discoverText } from './discover.ts'
import { createListens } from './listens.ts'
import { createLists } from './lists.ts'
import { createParking } from './parking.ts'
import { createShelf } from './shelf.ts'
import { ASKING, DONE, failureText, type Taken, type Turn } from './turn.ts'

export interface ModernDeps extends Pick<StarterDeps, 'launcher' | 'clientInfo'> {
  clock: Clock
  log: Log
  config: Pick<
    Config,
    'callTimeoutMs' | 'maxSessions' | 'maxSessionsPerUser' | 'sessionIdleTimeoutMs'
  >
  epoch(accountId: string): number
  /** Told of a caller that brought a `requestState` which was not made for its request. */
  stateRefused(caller: Caller): void
}

/** The stateless clients: their requests, and the pool of children that serves them (MCP 2026-07-28). */
export interface Modern extends Listener {
  /** Takes a request that passed checkModern and the caller's permissions; the sink gets exactly one outcome. */
  request(turn: Turn): Soon<Result<Taken, Refusal>>
  /** See Pool.children. */
  children: Pool['children']
  idle(): Iterable<Idle>
  reap(now: number): void
  /** The logins that something of is under way or waits. */
  families(): string[]
  endFamily(familyId: string, reason: string): void
  /** What a client of an account may do is something else now, at most `scopes`. */
  narrow(change: { accountId: string; clientId: string; scopes: readonly string[] }): void
  credentialRenewed(accountId: string): void
  credentialDied(accountId: string): void
  /** Ends what only waits: streams that listen, and calls whose clients are away. */
  close(): void
}

/** A client that can be asked nothing. */
const NOTHING: Capabilities = new Set()

/** A request that has no outcome yet. */
interface Running {
  readonly turn: Turn
  taken: Taken
}

/** No clients yet, and no children. */
export function createModern(deps: ModernDeps): Modern {
  const { clock } = deps
  const shelf = createShelf(clock)
  const running = new Set<Running>()
  const parking = createParking<Dialogue>(deps)
  /** What a child says that concerns everybody: of lists all children are heard (listChanged). */
  const changed = (accountId: string, method: string, params: Params): void => {
    if (!isListChange(method)) listens.changed(accountId, method, params)
  }
  const pool = createPool({
    ...deps,
    ready: (child) => shelf.learn(child),
    watched: (key) => listens.watched(key),
    emptied: (key) => listens.emptied(key),
    unsolicited({ key, live }, text) {
      const said = readSaid(text)
      if (said?.kind === 'notification') changed(key.accountId, said.method, said.params)
      // Nobody knows which call it is about.
      else if (said) {
        const error = { code: RPC.methodNotFound, message: 'The client cannot do this' }
        live.answer({ kind: 'response', id: said.id, idText: String(said.id), error })
      }
    },
  })
  const listens = createListens(pool)
  const lists = createLists({ clock, shelf })
  const calls = createCalls({ ...deps, pool, lists, parking, changed })

  const keyFor = createPoolKeys()
  // A stateless child is told with each request what its client can do.
  const keyOf = ({ call, caller }: Turn): PoolKey =>
    keyFor(caller, pool.era === 'modern' ? NOTHING : call.capabilities)

  /** Whether the child must be the call's own, because it may ask or log: neither says which call it is about. */
  const isAlone = ({ call }: Turn, { capabilities }: PoolKey): boolean =>
    capabilities.size > 0 || call.logLevel !== undefined

  const aboutOf = async (turn: Turn, key: PoolKey): Promise<Result<About, Refusal>> => {
    const known = shelf.about(key)
    if (known) return ok(known)
    const { familyId } = turn.caller
    if (key.capabilities.size === 0) return await pool.share(key, familyId, ({ about }) => about)
    const leased = await pool.lease(key, familyId)
    if (!leased.ok) return leased
    leased.value.release(true)
    return ok(leased.value.child.about)
  }

  const discover = async (turn: Turn, key: PoolKey): Promise<Result<Taken, Refusal>> => {
    const about = await aboutOf(turn, key)
    if (!about.ok) return about
    const text = discoverText(turn.call.request.idText, about.value)
    turn.sink.end({ status: 200, text })
    return ok(DONE)
  }

  const listen = async (turn: Turn, key: PoolKey): Promise<Result<Taken, Refusal>> => {
    const about = await aboutOf(turn, key)
    // What is watched does not depend on what the client can be asked: one child watches for all.
    return about.ok ? await listens.open(turn, keyFor(turn.caller, NOTHING), about.value) : about
  }

  const call = (turn: Turn): Soon<Result<Taken, Refusal>> => {
    const key = keyOf(turn)
    return isAlone(turn, key) ? calls.converse(turn, key) : calls.share(turn, key)
  }

  /** What brings a state goes on with a call, unless the program is one that keeps its states itself. */
  const goOn = async (turn: Turn): Promise<Result<Taken, Refusal>> => {
    if (pool.era === undefined) {
      const about = await aboutOf(turn, keyOf(turn))
      if (!about.ok) return about
    }
    return pool.era === 'legacy' ? ok(calls.goOn(turn)) : await call(turn)
  }

  const take = (turn: Turn): Soon<Result<Taken, Refusal>> => {
    const { method, params } = turn.call.request
    if (method === 'server/discover') return discover(turn, keyOf(turn))
    if (method === 'subscriptions/listen') return listen(turn, keyOf(turn))
    if (method in LIST_MEMBERS && lists.recall(turn, keyOf(turn))) return ok(DONE)
    return params?.requestState !== undefined && ASKING.has(method) ? goOn(turn) : call(turn)
  }

  const endAll = (matches: (turn: Turn) => boolean, reason: string): void => {
    for (const one of [...running]) {
      if (!matches(one.turn)) continue
      one.taken.cancel(reason)
      one.turn.sink.end({ status: 200, text: failureText(one.turn, 'revoked', reason) })
    }
    for (const dialogue of parking.all()) if (matches(dialogue.first)) dialogue.end(reason)
  }

  return {
    request(asked) {
      const one: Running = {
        turn: {
          caller: asked.caller,
          call: asked.call,
          shown: asked.shown,
          mayRead: asked.mayRead,
          // Nobody waits for it either once it was ended for its client.
          hasLeft: () => asked.hasLeft() || !running.has(one),
          sink: {
            message(text) {
              if (running.has(one)) asked.sink.message(text)
            },
            end(outcome) {
              if (running.delete(one)) asked.sink.end(outcome)
            },
          },
        },
        taken: DONE,
      }
      running.add(one)
      const note = (taken: Result<Taken, Refusal>): Result<Taken, Refusal> => {
        if (!taken.ok) {
          running.delete(one)
          return taken
        }
        one.taken = taken.value
        return ok({
          cancel(reason) {
            running.delete(one)
            one.taken.cancel(reason)
          },
        })
      }
      const fail = (error: unknown): never => {
        running.delete(one)
        throw error
      }
      try {
        const taken = take(one.turn)
        return taken instanceof Promise ? taken.then(note, fail) : note(taken)
      } catch (error) {
        return fail(error)
      }
    },
    *idle() {
      yield* pool.idle()
      yield* parking.idle()
    },
    children: pool.children,
    reap: pool.reap,
    listChanged(accountId, method) {
      shelf.changed(accountId)
      listens.changed(accountId, method, {})
    },
    families() {
      const turns = [...running].map(({ turn }) => turn)
      const waiting = [...parking.all()].map(({ first }) => first)
      const all = [...turns, ...waiting].map(({ caller }) => caller.familyId)
      return [...new Set(all)]
    },
    endFamily(familyId, reason) {
      endAll(({ caller }) => caller.familyId === familyId, reason)
      pool.endFamily(familyId)
    },
    narrow(change) {
      pool.narrow(change)
      listens.changed(change.accountId, 'notifications/tools/list_changed', {})
    },
    credentialRenewed: pool.renew,
    credentialDied: pool.sleep,
    close() {
      for (const { taken, turn } of [...running]) {
        const { idText, method } = turn.call.request
        if (method !== 'subscriptions/listen') continue
        taken.cancel('the broker is stopping')
        turn.sink.end({ status: 200, text: endOfListening(idText) })
      }
      for (const dialogue of parking.all())
        if (dialogue.parkedAt !== undefined) dialogue.end('the broker is stopping')
    },
  }
}
