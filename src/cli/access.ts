import { type Cancel, type Clock, MINUTE_MS } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Upstream } from '../forgejo/upstream.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { commonScopes } from '../oauth/standing.ts'
import type { Vault } from '../oauth/vault.ts'
import { createDirectAccess } from '../relay/direct.ts'
import { startRelay } from '../relay/relay.ts'
import type { AccessProvider } from '../session/access.ts'
import type { Store } from '../store/open.ts'

/** What `--child-credential token` gives up; said at start and by `check`. */
export const TOKEN_MODE_WARNINGS = [
  "children hold their account's Forgejo token (--child-credential token): each renewal starts new ones, and " +
    'the tools that would send it to other hosts are hidden (download_*_attachment)',
  'a login with fewer scopes than the application has gets no child, because only the relay could hold it to them',
]

/** Gives children their way to Forgejo as configured; the relay is closed with `opened`. */
export function openAccess(deps: {
  config: Config
  store: Store
  upstream: Upstream
  vault: Vault
  clock: Clock
  log: Log
  metrics: Metrics
  opened: AsyncDisposableStack
}): { access: AccessProvider; warnings: string[] } {
  const { config, store, upstream, vault, clock, log, metrics, opened } = deps
  let issuer: string | undefined
  const stopAsking = whenKnown(upstream, clock, {
    known(found) {
      issuer = found
      if (issuer !== config.forgejoUrl) {
        log.warn("Forgejo's ROOT_URL is another than --forgejo-url", {
          issuer,
          configured: config.forgejoUrl,
        })
      }
    },
    unknown: (reason) => log.warn('Forgejo does not answer yet', { reason }),
  })
  opened.defer(stopAsking)
  if (config.childCredential === 'token') {
    return { access: createDirectAccess({ config, vault }), warnings: TOKEN_MODE_WARNINGS }
  }
  const relay = startRelay({
    config,
    vault,
    clock,
    log,
    metrics,
    facts: {
      get: () => store.facts.get('forgejo_version'),
      set: (value) => store.facts.set(clock.now(), 'forgejo_version', value),
    },
    audit: (event) => store.audit.add(clock.now(), event),
    scopesNow: ({ accountId, clientId, scopes }) => {
      const cap = clientId && store.grants.liveScopes(accountId, clientId)
      return cap ? commonScopes(scopes, cap) : undefined
    },
    issuer: () => issuer,
  })
  opened.defer(() => relay.stop())
  return { access: relay, warnings: [] }
}

/**
 * Asks Forgejo for its base (the discovery document's issuer) until it answers; `unknown` is told the first time that it
 * does not. Returns what stops the asking.
 */
function whenKnown(
  upstream: Pick<Upstream, 'discovery'>,
  clock: Clock,
  told: { known(issuer: string): void; unknown(reason: string): void },
): Cancel {
  let asked = false
  const ask = async (): Promise<void> => {
    const found = await upstream.discovery()
    if (found.ok) {
      stop()
      told.known(found.value.issuer)
    } else if (!asked) told.unknown(found.error.detail)
    asked = true
  }
  const stop = clock.every(MINUTE_MS, () => void ask())
  void ask()
  return stop
}
