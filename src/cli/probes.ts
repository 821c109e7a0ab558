import type { Config } from '../config.ts'
import type { Upstream } from '../forgejo/upstream.ts'
import type { Probes } from '../http/deps.ts'
import type { Store } from '../store/open.ts'
import type { HealthWatch } from './farewell.ts'

/** Where the child's program is, by path or on the PATH of `environment`; undefined when it is nowhere or may not run. */
export const findBinary = (
  binary: string,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined => Bun.which(binary, { PATH: environment.PATH ?? '' }) ?? undefined

/** The questions of the health endpoints. */
export const createProbes = (deps: {
  config: Config
  store: Store
  upstream: Upstream
  environment: Readonly<Record<string, string | undefined>>
  watch: HealthWatch
}): Probes => ({
  leaving: () => deps.watch.leaving(),
  store: () => deps.store.probe(),
  binary: () => findBinary(deps.config.forgejoMcpBinary, deps.environment) !== undefined,
  forgejo: async () => (await deps.upstream.discovery()).ok,
})
