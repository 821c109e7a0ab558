import { defineCommand } from 'citty'
import { accountsCommand } from './accounts.ts'
import { auditCommand } from './audit.ts'
import { backupCommand } from './backup.ts'
import { checkCommand } from './check.ts'
import { clientsCommand } from './clients.ts'
import { keysCommand } from './keys.ts'
import { serveCommand } from './serve.ts'
import { sessionsCommand } from './sessions.ts'
import { versionCommand } from './version.ts'

/** Every command; without one, `serve` runs. */
export const root = defineCommand({
  meta: {
    name: 'fjmcp-broker',
    description: 'OAuth 2.1 authorization server and session broker for forgejo-mcp',
  },
  subCommands: {
    serve: serveCommand,
    check: checkCommand,
    clients: clientsCommand,
    sessions: sessionsCommand,
    accounts: accountsCommand,
    audit: auditCommand,
    keys: keysCommand,
    backup: backupCommand,
    version: versionCommand,
  },
})
