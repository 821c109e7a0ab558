import { randomId } from '../crypto.ts'
import type { Log } from '../log.ts'
import { err, ok, type Result } from '../result.ts'
import { covers } from '../scopes.ts'
import { parseUrl } from './bases.ts'
import type { Context, RelayAudit } from './context.ts'
import { exchange } from './exchange.ts'
import type { Holder, Lease, Passes } from './passes.ts'
import { isRead, judge, type Target } from './paths.ts'
import { NO_PROXY_HERE, type Refusal, renderRefusal, scopeRefusal } from './refusals.ts'
import { routeScopes } from './routes.ts'
import type { Version } from './version.ts'

interface ServiceDeps {
  context: Context
  passes: Passes
  version: Version
  audit(event: RelayAudit): void
  scopesNow(lease: Lease): readonly string[] | undefined
  /** The scopes that a login can have: what is not known needs them all. */
  allScopes: readonly string[]
  log: Log
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** The relay's answer to one HTTP request; every refusal reads like one of Forgejo's API. */
export function createService(deps: ServiceDeps): (request: Request) => Promise<Response> {
  const { context, log } = deps
  return async (request) => {
    const result = await serve(deps, request).catch((error: unknown) => {
      const id = randomId('err')
      log.error('relay failed', { id, error })
      return err<Refusal>({ status: 500, message: `the relay failed (${id})` })
    })
    if (result.ok) return result.value
    context.metrics.relayed.inc({ class: 'refused' })
    log.debug('relay refused a request', {
      status: result.error.status,
      reason: result.error.message,
    })
    return renderRefusal(result.error, context.bases.forgejo)
  }
}

async function serve(deps: ServiceDeps, request: Request): Promise<Result<Response, Refusal>> {
  const { context, passes, version } = deps
  // A proxied request names its target in Host; CONNECT and the like are no requests to Forgejo.
  const ours = new URL(context.bases.relay).host
  if (request.headers.get('host') !== ours || !METHODS.includes(request.method))
    return err(NO_PROXY_HERE)

  const holder = passes.find(request.headers.get('authorization'))
  if (!holder) {
    const reason = request.headers.has('authorization') ? 'wrong or dead pass' : 'no pass'
    deps.audit({ event: 'relay.pass_refused', reason })
    return err({ status: 403, message: 'this pass is not valid' })
  }

  const url = parseUrl(request.url)
  if (!url) return err({ status: 400, message: 'Bad request' })
  const target = judge(request.method, url, context.bases)
  if (!target.ok) return target

  if (target.value.kind === 'version') {
    const body = await version.get(holder.lease.accountId)
    if (!body.ok) return body
    const headers = { 'content-type': 'application/json;charset=utf-8' }
    return ok(new Response(body.value, { headers }))
  }
  const refusal = scopeRefusalFor(deps, holder, request.method, target.value)
  if (refusal) return err(refusal)
  return exchange(context, { request, holder, target: target.value })
}

/** Whether what the child may do, met with its grant as it is now, covers the request. */
function scopeRefusalFor(
  deps: ServiceDeps,
  holder: Holder,
  method: string,
  target: Target,
): Refusal | undefined {
  if (!holder.leased) return { status: 403, message: 'nobody has leased this child' }
  const scopes = deps.scopesNow(holder.lease)
  if (!scopes) return { status: 403, message: 'the grant behind this child is gone' }
  const mayWrite = scopes.some((scope) => scope.startsWith('write:') || scope === 'all')
  const ways = routeScopes(method, target) ?? [deps.allScopes]
  if ((mayWrite || isRead(method)) && ways.some((needed) => covers(scopes, needed)))
    return undefined
  // Next to nothing that the bridge lets through comes to this: something asks for more than its table says.
  deps.log.warn('relay refused what its child has no scope for', {
    account: holder.lease.accountId,
    method,
    path: target.path.split('?')[0],
  })
  return scopeRefusal([...new Set(ways.flat())])
}
