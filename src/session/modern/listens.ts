import { RPC } from '../../errors.ts'
import {
  acknowledgement,
  changeText,
  endOfListening,
  type Filter,
  honoured,
  readFilter,
  wants,
} from '../../mcp/modern/listen.ts'
import { readError } from '../../mcp/modern/outcome.ts'
import { errorText, type Params, rpcRequest } from '../../mcp/rpc.ts'
import { ok, type Result } from '../../result.ts'
import type { About, PoolKey } from '../pool/child.ts'
import type { Pool } from '../pool/pool.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { DONE, outcomeOf, say, type Taken, type Turn } from './turn.ts'

/** Streams of one account that listen at the same time. */
const MAX_LISTENING = 64

/** What a client is told to wait that has too many, in ms. */
const TOO_MANY_RETRY_MS = 30_000

/** What we tell on a stream that the child keeps. */
const NOTHING: Filter = { methods: new Set(), uris: [] }

interface Listening {
  readonly turn: Turn
  readonly filter: Filter
  /** The key whose shared child watches the resources of the filter. */
  readonly watcher: string
}

/** The streams that clients have open for what changes (2026-07-28 subscriptions/listen). */
export interface Listens {
  /** Opens a stream; what it listens for is the first thing that is said on it. */
  open(turn: Turn, key: PoolKey, about: About): Promise<Result<Taken, Refusal>>
  /** Tells every stream of the account that wants to know. */
  changed(accountId: string, method: string, params: Params): void
  /** The resources that the child of a key is to watch. */
  watched(key: string): readonly string[]
  /** The child of a key is gone: nobody watches any more, and the streams end so that their clients ask again. */
  emptied(key: string): void
}

/** No streams yet. */
export function createListens(pool: Pool): Listens {
  const all = new Set<Listening>()

  const watched = (key: string): string[] => {
    const uris = new Set<string>()
    for (const { filter, watcher } of all)
      if (watcher === key) for (const uri of filter.uris) uris.add(uri)
    return [...uris]
  }

  const watch = async (key: PoolKey, familyId: string, uri: string): Promise<boolean> => {
    const request = rpcRequest('resources/subscribe', { uri })
    const asked = await pool.share(
      key,
      familyId,
      ({ heard, live }) =>
        new Promise<boolean>((resolve) => {
          live.call(request, { message: heard, end: (text) => resolve(!readError(text)) })
        }),
    )
    return asked.ok && (await asked.value)
  }

  const unwatch = ({ filter, watcher }: Listening): void => {
    const left = new Set(watched(watcher))
    const child = pool.current(watcher)
    for (const uri of filter.uris)
      if (child && !left.has(uri))
        child.live.call(rpcRequest('resources/unsubscribe', { uri }), {
          message: child.heard,
          end() {},
        })
  }

  const stop = (listening: Listening): void => {
    if (all.delete(listening)) unwatch(listening)
  }

  const finish = (listening: Listening): void => {
    stop(listening)
    const { call, sink } = listening.turn
    sink.end({ status: 200, text: endOfListening(call.request.idText) })
  }

  /** A stateless child keeps the stream itself. */
  const passThrough = async (turn: Turn, key: PoolKey, uris: readonly string[]) => {
    const { caller, sink } = turn
    const notifications = turn.call.request.params?.notifications as Params
    const params = {
      ...turn.call.request.params,
      notifications: {
        ...notifications,
        ...(notifications.resourceSubscriptions !== undefined && { resourceSubscriptions: uris }),
      },
    }
    const call = { ...turn.call, request: { ...turn.call.request, params } }
    const listening = { turn, filter: NOTHING, watcher: '' }
    return await pool.share(key, caller.familyId, (child): Taken => {
      all.add(listening)
      const open = say(child, call, {
        message: (text) => sink.message(text),
        end(text) {
          all.delete(listening)
          sink.end(outcomeOf(child, call, text))
        },
      })
      // It is meant to stay open.
      open.pause()
      return open
    })
  }

  return {
    watched,

    async open(turn, key, about) {
      const { call, caller, mayRead, sink } = turn
      const { idText, params } = call.request
      const wanted = readFilter(params)
      if (typeof wanted === 'string') {
        const text = errorText(idText, RPC.invalidParams, `Invalid params: ${wanted}`)
        sink.end({ status: 400, text })
        return ok(DONE)
      }
      const own = [...all].filter(({ turn: other }) => other.caller.accountId === caller.accountId)
      if (own.length >= MAX_LISTENING)
        return refuse('full', 'too many streams listen already', TOO_MANY_RETRY_MS)
      const uris = wanted.uris.filter(mayRead)
      if (about.era === 'modern') return await passThrough(turn, key, uris)

      const kept = honoured({ ...wanted, uris }, about.capabilities)
      const watching = await Promise.all(kept.uris.map((uri) => watch(key, caller.familyId, uri)))
      const filter = { ...kept, uris: kept.uris.filter((_, at) => watching[at]) }
      const listening = { turn, filter, watcher: key.text }
      all.add(listening)
      sink.message(acknowledgement(idText, filter))
      // Its child may have ended while it was told.
      if (filter.uris.length > 0 && !pool.current(listening.watcher)) finish(listening)
      return ok({ cancel: () => stop(listening) })
    },

    changed(accountId, method, params) {
      for (const { filter, turn } of all) {
        const { call, caller, sink } = turn
        if (caller.accountId === accountId && wants(filter, method, params))
          sink.message(changeText(call.request.idText, method, params))
      }
    },

    emptied(key) {
      for (const listening of [...all])
        if (listening.watcher === key && listening.filter.uris.length > 0) finish(listening)
    },
  }
}
