import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSpawn } from '../child/child.ts'
import { sweep } from '../child/orphans.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import { createUpstream } from '../forgejo/upstream.ts'
import { createApp } from '../http/app.ts'
import { createMetricsApp } from '../http/metrics.ts'
import { createJanitor } from '../jobs/janitor.ts'
import { createReaper } from '../jobs/reaper.ts'
import { createRotator } from '../jobs/rotator.ts'
import type { Log } from '../log.ts'
import type { Permissions } from '../mcp/permissions.ts'
import { createMetrics } from '../metrics.ts'
import { createAuthorization } from '../oauth/authorization.ts'
import { createClients } from '../oauth/clients.ts'
import { createConnections } from '../oauth/connections.ts'
import { createPageSessions } from '../oauth/page-session.ts'
import { createPolicy } from '../oauth/policy.ts'
import { createRevocation, REVOKED_UPSTREAM } from '../oauth/revoke.ts'
import { createStepUps } from '../oauth/step-up.ts'
import { createTokens } from '../oauth/token.ts'
import { createVault } from '../oauth/vault.ts'
import { createVerifier } from '../oauth/verify.ts'
import { createRegistry, type Registry } from '../session/registry.ts'
import { lockStore } from '../store/lock.ts'
import { BROKER_BUSY_MS, openStore } from '../store/open.ts'
import { BUILD } from '../version.ts'
import { openAccess } from './access.ts'
import { makeChildHome } from './child-home.ts'
import { bowOut, createHealthWatch } from './farewell.ts'
import { loadKeys, openSealer } from './key.ts'
import { listen } from './listen.ts'
import { openPermissions } from './permissions.ts'
import { createProbes } from './probes.ts'
import { pace, startJobs, USUAL_MS } from './timers.ts'

/** How long a verified bearer token is not looked up again, in milliseconds: what the CLI revokes may work on so long. */
const REMEMBER_CALLER_MS = 1_000

export interface BrokerOptions {
  config: Config
  log: Log
  clock: Clock
  /** The broker's own environment: children get a few allowed names of it. */
  environment: Readonly<Record<string, string | undefined>>
  /** In place of the permissions that follow from the configuration. */
  permissions?: Permissions
}

/** A running broker. */
export interface Broker {
  /** Where it listens. */
  address: string
  /** What an operator should know at start. */
  warnings: string[]
  /**
   * Stops: no new connections, calls in flight get the configured grace, every child is stopped, the store is closed.
   * Aborting `hurry` ends the grace. Resolves when no child is left.
   */
  close(hurry: AbortSignal): Promise<void>
}

/**
 * Opens everything in order and, when one step fails, closes what was opened before in reverse.
 * Throws OperatorError for what an operator can mend: a held lock, a wrong key, a taken address.
 */
export async function openBroker({
  config,
  log,
  clock,
  environment,
  permissions = openPermissions(config, log),
}: BrokerOptions): Promise<Broker> {
  await using opened = new AsyncDisposableStack()
  opened.defer(lockStore(config.storePath))
  const keys = loadKeys(config)
  const store = opened.adopt(
    openStore({ path: config.storePath, clock, busyTimeoutMs: BROKER_BUSY_MS }),
    (it) => it.close(),
  )
  const sealer = openSealer(keys, store, clock.now())
  const childHome = opened.adopt(makeChildHome(resolve(config.storePath)), (path) =>
    rmSync(path, { recursive: true, force: true }),
  )

  const metrics = createMetrics()
  const policy = createPolicy(config)
  const upstream = createUpstream({ config, clock })
  // Credentials, families and sessions tell one another what ended: the registry is there before any of them speaks.
  let registry: Registry
  const verifier = createVerifier({ store, clock, config, rememberMs: REMEMBER_CALLER_MS })
  const familyEnded = (familyId: string, reason: string) => {
    verifier.forget()
    registry.endFamily(familyId, reason)
  }
  const revocation = createRevocation({ store, clock, events: { familyEnded } })
  const vault = createVault({
    store,
    upstream,
    sealer,
    clock,
    log,
    metrics,
    config,
    events: {
      renewed: (accountId) => registry.credentialRenewed(accountId),
      healed: (accountId) => registry.credentialRenewed(accountId),
      died(accountId, reason) {
        if (reason === 'revoked') revocation.endAccount(accountId, REVOKED_UPSTREAM)
        registry.credentialDied(accountId)
      },
    },
  })
  const clients = createClients({ store, policy, clock, log })
  const { access, warnings } = openAccess({
    config,
    store,
    upstream,
    vault,
    clock,
    log,
    metrics,
    opened,
  })

  const orphans = await sweep(store.children.list(), clock)
  if (orphans.length > 0)
    log.warn('orphans of an earlier run were ended', { count: orphans.length })
  for (const { pid } of store.children.list()) store.children.remove(pid)

  registry = createRegistry({
    store,
    config,
    clock,
    log,
    metrics,
    spawn: createSpawn({ clock, log }),
    access,
    environment,
    childHome,
    userAgent: `fjmcp-broker/${BUILD.version}`,
  })
  opened.defer(() => registry.stopAll(0))

  const rotator = createRotator({
    vault,
    active: () => registry.accountsWithChildren(),
    clock,
    log,
  })
  const janitor = createJanitor({ store, log, config })
  const jobs = startJobs(
    [
      createReaper({ registry, config }),
      { name: 'rotator', intervalMs: pace(config.refreshLeadMs), runOnce: rotator.runOnce },
      { name: 'janitor', intervalMs: USUAL_MS, runOnce: (now) => void janitor.runOnce(now) },
    ],
    clock,
    log,
  )
  opened.defer(() => jobs.stop())

  const watch = createHealthWatch(clock)
  const stepUps = createStepUps({ store, clock })
  const connections = createConnections({
    store,
    clock,
    config,
    vault,
    revocation,
    awake: (accountId) => registry.awake(accountId),
    stateless: (accountId) => registry.stateless(accountId),
    changed(change) {
      verifier.forget()
      registry.changePermissions(change)
    },
  })
  const app = createApp({
    config,
    clock,
    log,
    metrics,
    policy,
    clients,
    authorization: createAuthorization({
      store,
      policy,
      clients,
      vault,
      upstream,
      sealer,
      clock,
      log,
      metrics,
      config,
      stepUps,
    }),
    tokens: createTokens({
      store,
      policy,
      vault,
      revocation,
      clock,
      log,
      metrics,
      config,
      refreshed: (familyId) => stepUps.refreshed(familyId),
    }),
    verifier,
    vault,
    pages: createPageSessions({ store, clock, config }),
    connections,
    permissions,
    stepUps,
    registry,
    probes: createProbes({ config, store, upstream, environment, watch }),
    build: BUILD,
  })
  // A vault that a crash left in the middle of a refresh is settled before anybody asks for its token.
  await vault.recover()
  const listening = await listen(config.listen, config.maxBodyBytes, (request, server) => {
    app.server ??= server
    return app.fetch(request)
  })
  opened.defer(() => listening.close())
  if (config.metricsListen) {
    const metricsApp = createMetricsApp({ metrics })
    const at = await listen(config.metricsListen, config.maxBodyBytes, (request) =>
      metricsApp.fetch(request),
    )
    opened.defer(() => at.close())
  }

  const closing = opened.move()
  return {
    address: listening.address,
    warnings,
    async close(hurry) {
      const graceMs = config.shutdownGraceMs
      await bowOut({ clock, watch, listening, registry, graceMs, hurry })
      await closing.disposeAsync()
    },
  }
}
