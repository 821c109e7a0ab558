import { isPreflight, preflightHeaders, standingHeaders } from './cors.ts'
import type { HttpDeps } from './deps.ts'
import { isOurHost, isOurOrigin } from './hosts.ts'
import type { Ops } from './ops.ts'
import { forbidden, notFound, tooMany, wrongMethod } from './problem.ts'
import { createClientAddress, rateKey } from './proxy.ts'
import { ALLOWANCES, createRateLimit } from './rate-limit.ts'
import { responseOf } from './reply.ts'
import { pathOf } from './request.ts'
import { ruleFor } from './surface.ts'

/** What the gate makes of a request: headers for whatever answers it, and the answer if the gate has one. */
export interface Gated {
  headers: Readonly<Record<string, string>>
  reply?: Response | Promise<Response>
}

/**
 * What holds before any handler runs, in this order: health answers whatever the Host; Host; a path that is there;
 * preflights; the method; the rate limit. `peer` finds the socket's address, undefined on a unix socket; it is asked
 * only where requests are counted.
 */
export function createGate(
  deps: Pick<HttpDeps, 'config' | 'clock' | 'metrics'>,
  ops: Ops,
): (request: Request, peer: () => string | undefined) => Gated {
  const { config, clock, metrics } = deps
  const clientAddress = createClientAddress(config)
  const limits = {
    authorize: createRateLimit(clock, ALLOWANCES.authorize),
    token: createRateLimit(clock, ALLOWANCES.token),
    register: createRateLimit(clock, ALLOWANCES.register),
  }

  return (request, peer) => {
    const path = pathOf(request)
    const rule = ruleFor(path)
    const origin = request.headers.get('origin')
    const headers = standingHeaders(rule, origin, config)
    const isThere = rule.methods.length > 0
    const takesMethod = rule.methods.includes(request.method)
    if (takesMethod && path === '/healthz') return { headers, reply: ops.health() }
    if (takesMethod && path === '/readyz') return { headers, reply: ops.ready() }
    if (!isOurHost(request.headers.get('host'), config))
      return { headers, reply: responseOf(forbidden('Host')) }
    if (!isThere) return { headers, reply: notFound(rule, request) }
    if (rule.cors !== 'none' && isPreflight(request)) {
      if (rule.cors === 'ours' && !isOurOrigin(origin ?? '', config))
        return { headers, reply: responseOf(forbidden('Origin')) }
      const more = preflightHeaders(rule, request)
      return { headers, reply: new Response(null, { status: 204, headers: more }) }
    }
    if (!takesMethod) return { headers, reply: wrongMethod(rule) }
    if (rule.limit && config.rateLimit) {
      const client = clientAddress(peer(), request.headers.get('x-forwarded-for'))
      const seconds = limits[rule.limit](rateKey(client))
      if (seconds > 0) {
        metrics.rateLimited.inc({ route: rule.limit })
        return { headers, reply: tooMany(rule, seconds) }
      }
    }
    return { headers }
  }
}
