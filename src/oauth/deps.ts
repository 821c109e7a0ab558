import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Sealer } from '../crypto.ts'
import type { Upstream } from '../forgejo/upstream.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Store } from '../store/open.ts'
import type { Clients } from './clients.ts'
import type { Policy } from './policy.ts'
import type { StepUps } from './step-up.ts'
import type { Vault } from './vault.ts'

/** What the authorization flow works with. */
export interface FlowDeps {
  store: Store
  policy: Policy
  clients: Pick<Clients, 'resolve'>
  vault: Pick<Vault, 'login'>
  upstream: Pick<Upstream, 'authorizeUrl'>
  stepUps: Pick<StepUps, 'asked' | 'opened' | 'declined'>
  sealer: Sealer
  clock: Clock
  log: Log
  metrics: Metrics
  config: Pick<Config, 'forgejoUrl' | 'allowedUsers'>
}
