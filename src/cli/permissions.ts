import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { createPermissions, type Permissions } from '../mcp/permissions.ts'
import { DOWNLOAD_TOOLS } from '../mcp/tools.ts'
import { createPolicy } from '../oauth/policy.ts'

/** What callers may ask of a child as this broker is configured; tools that nothing is known about are logged once. */
export const openPermissions = (config: Config, log: Log): Permissions =>
  createPermissions({
    supported: createPolicy(config).scopesSupported,
    withheld: config.childCredential === 'token' ? DOWNLOAD_TOOLS : [],
    unlisted: (tool) => log.warn('a tool whose scopes are not known needs all of them', { tool }),
  })
