import { SECOND_MS, TIMED_OUT, within } from '../clock.ts'
import type { HttpDeps } from './deps.ts'

/** How long an answer about readiness is used again: probes must not load Forgejo. */
const READY_CACHE_MS = 30 * SECOND_MS

/** The same for the store: each look is a write, and anybody may ask. */
const STORE_CACHE_MS = SECOND_MS

/** Longest wait for Forgejo's answer; a probe of ours is waited for by somebody else's. */
const PROBE_MS = 5 * SECOND_MS

/** Answers for whoever watches over the broker. */
export interface Ops {
  /** Liveness: 503 when the store does not take a write, and when the broker is about to stop. */
  health(): Response
  /** Readiness: 503 when the store, the child's program or Forgejo is missing. */
  ready(): Promise<Response>
}

/** Health answers over the probes. */
export function createOps(deps: Pick<HttpDeps, 'probes' | 'build' | 'clock'>): Ops {
  const { probes, build, clock } = deps
  let last: { at: number; outside: Promise<{ binary: boolean; forgejo: boolean }> } | undefined

  let looked: { at: number; alive: boolean } | undefined

  const storeAlive = (): boolean => {
    const now = clock.now()
    if (!looked || now - looked.at >= STORE_CACHE_MS || now < looked.at)
      looked = { at: now, alive: probes.store() }
    return looked.alive
  }

  const ask = async () => {
    const answers = Promise.all([probes.binary(), probes.forgejo()])
    const done = await within(clock, PROBE_MS, answers)
    if (done !== TIMED_OUT) return { binary: done[0], forgejo: done[1] }
    return { binary: await probes.binary(), forgejo: false }
  }

  return {
    health() {
      const leaving = probes.leaving()
      const alive = storeAlive()
      return answer(alive && !leaving, {
        status: leaving ? 'stopping' : alive ? 'ok' : 'sick',
        version: build.version,
        git_revision: build.revision,
        build_date: build.date,
        store: alive ? 'ok' : 'failed',
      })
    },

    async ready() {
      const now = clock.now()
      if (!last || now - last.at >= READY_CACHE_MS) last = { at: now, outside: ask() }
      const { binary, forgejo } = await last.outside
      const store = storeAlive()
      const ready = store && binary && forgejo
      return answer(ready, {
        status: ready ? 'ready' : 'not ready',
        store: store ? 'ok' : 'failed',
        forgejo_mcp: binary ? 'ok' : 'missing',
        forgejo: forgejo ? 'ok' : 'unreachable',
      })
    },
  }
}

const answer = (good: boolean, body: object): Response =>
  Response.json(body, { status: good ? 200 : 503, headers: { 'Cache-Control': 'no-store' } })
