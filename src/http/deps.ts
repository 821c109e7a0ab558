import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { createExchanges, type OpenExchange } from '../mcp/exchange.ts'
import { createModernExchanges, type OpenModernExchange } from '../mcp/modern/exchange.ts'
import type { Permissions } from '../mcp/permissions.ts'
import type { Metrics } from '../metrics.ts'
import type { Authorization } from '../oauth/authorization.ts'
import type { Clients } from '../oauth/clients.ts'
import type { Connections } from '../oauth/connections.ts'
import type { DeadReason } from '../oauth/credential.ts'
import type { PageSessions } from '../oauth/page-session.ts'
import type { Policy } from '../oauth/policy.ts'
import type { StepUps } from '../oauth/step-up.ts'
import type { Tokens } from '../oauth/token.ts'
import type { Verifier } from '../oauth/verify.ts'
import type { Registry } from '../session/registry.ts'
import { createRespond, type Respond } from './reply.ts'

/** What a valid bearer token resolves to. */
export type Caller = Extract<ReturnType<Verifier['verify']>, { ok: true }>['value']

/** Questions that health answers put to the rest of the broker; none of them throws. */
export interface Probes {
  /** Whether the broker is about to stop; asked once for each answer about health. */
  leaving(): boolean
  /** Whether the database takes a write. */
  store(): boolean
  /** Whether the child's program is there and may be started. */
  binary(): boolean | Promise<boolean>
  /** Whether Forgejo answers. */
  forgejo(): Promise<boolean>
}

/** Everything that the routes are given. */
export interface HttpDeps {
  config: Config
  clock: Clock
  log: Log
  metrics: Metrics
  policy: Policy
  clients: Pick<Clients, 'register'>
  authorization: Authorization
  /** Browsers that are signed in to see their connections, and those connections. */
  pages: PageSessions
  connections: Connections
  tokens: Tokens
  verifier: Verifier
  /** The state of an account's upstream credential, without asking Forgejo. */
  vault: { deadReason(accountId: string): DeadReason | undefined }
  /** What a caller's scopes allow; what they do not never reaches a child. */
  permissions: Permissions
  stepUps: Pick<StepUps, 'refused'>
  registry: Pick<Registry, 'initialize' | 'find' | 'end' | 'modern'>
  probes: Probes
  build: { version: string; revision: string; date: string }
}

/** What the requests on /mcp are given, and share. */
export interface McpDeps extends HttpDeps {
  openExchange: OpenExchange
  openModernExchange: OpenModernExchange
  respond: Respond
}

/** The dependencies of /mcp. */
export const createMcpDeps = (deps: HttpDeps): McpDeps => ({
  ...deps,
  openExchange: createExchanges(deps.clock),
  openModernExchange: createModernExchanges(deps.clock),
  respond: createRespond(),
})
