import { type Clock, MINUTE_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { err, type Result } from '../result.ts'
import { type AccessRefusal, type AccessRequest, type ChildAccess, openAccess } from './access.ts'
import { createBases } from './bases.ts'
import { createCleaner } from './clean.ts'
import { type Context, createFlights, type RelayAudit } from './context.ts'
import type { Fetch } from './forward.ts'
import type { Credentials } from './heal.ts'
import { createLimits } from './limits.ts'
import { createPasses, type Lease } from './passes.ts'
import { STOPPING } from './refusals.ts'
import { createService } from './service.ts'
import { createVersion, type VersionFact } from './version.ts'

export interface RelayDeps {
  config: Pick<
    Config,
    'forgejoUrl' | 'forgejoInternalUrl' | 'forgejoScopes' | 'callTimeoutMs' | 'shutdownGraceMs'
  >
  vault: Credentials
  clock: Clock
  log: Log
  metrics: Metrics
  /** The store row with the last good answer to `/api/v1/version`. */
  facts: VersionFact
  audit(event: RelayAudit): void
  /** The lease's scopes that its live grant still holds; undefined when the grant is gone. */
  scopesNow(lease: Lease): readonly string[] | undefined
  /** The base of the discovery document's issuer, once it is known. */
  issuer?(): string | undefined
  fetch?: Fetch
}

/** The loopback endpoint that children take for their Forgejo. */
export interface Relay {
  readonly port: number
  /** Opens the access of one child; refuses while it could not start, and for ever when the account must log in. */
  open(request: AccessRequest): Promise<Result<ChildAccess, AccessRefusal>>
  /** Ends reads at once, gives writes on their way the shutdown grace, closes the listener. Safe to call twice. */
  stop(): Promise<void>
}

/** Most audit rows that refused passes may write in a minute: anything on this machine can knock. */
const MAX_AUDITS_PER_MINUTE = 60

/** Starts the relay on a port of 127.0.0.1 that the system picks. */
export function startRelay(deps: RelayDeps): Relay {
  const { config, clock, vault, metrics, log } = deps
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    // The child closes its connections, not we: a quiet Forgejo is bounded by the flight.
    idleTimeout: 0,
    development: false,
    reusePort: false,
    // Bodies are streamed, and Forgejo has a limit of its own.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request) => handle(request),
    error: () => new Response(null, { status: 500 }),
  })
  const port = server.port ?? 0
  const { forgejoUrl, forgejoInternalUrl } = config
  const issuer = () => deps.issuer?.()
  const relay = `http://127.0.0.1:${port}`
  const bases = createBases({ relay, forgejoUrl, forgejoInternalUrl, issuer })
  const context: Context = {
    config,
    vault,
    clock,
    metrics,
    bases,
    fetch: deps.fetch ?? ((url, init) => fetch(url, init)),
    limits: createLimits(clock),
    flights: createFlights(clock),
  }
  const passes = createPasses()
  const version = createVersion(context, deps.facts)
  const audit = bounded(clock, (event: RelayAudit) => {
    log.warn('relay refused a pass', { reason: event.reason })
    deps.audit(event)
  })
  const { scopesNow } = deps
  const allScopes = config.forgejoScopes
  const handle = createService({ context, passes, version, audit, scopesNow, allScopes, log })
  const clean = createCleaner(bases.relay, bases.forgejo)
  let stopping: Promise<void> | undefined

  return {
    port,
    async open(request) {
      if (stopping) return err({ kind: 'later', reason: STOPPING.message })
      return openAccess({ bases, vault, passes, version, clean }, request)
    },
    stop() {
      stopping ??= (async () => {
        const landed = context.flights.stop(config.shutdownGraceMs)
        await server.stop(true)
        await landed
      })()
      return stopping
    },
  }
}

/** Lets through so many calls in a minute and drops the rest. */
function bounded<T>(clock: Clock, fn: (value: T) => void): (value: T) => void {
  let minute = 0
  let count = 0
  return (value) => {
    const now = Math.floor(clock.now() / MINUTE_MS)
    if (now !== minute) count = 0
    minute = now
    if (count++ < MAX_AUDITS_PER_MINUTE) fn(value)
  }
}
