import { defineCommand } from 'citty'
import { systemClock } from '../clock.ts'
import { OAuthError, OperatorError } from '../errors.ts'
import { silentLog } from '../log.ts'
import { createClients } from '../oauth/clients.ts'
import { createPolicy } from '../oauth/policy.ts'
import { createRevocation } from '../oauth/revoke.ts'
import { withStore } from './existing.ts'
import { storeArgs } from './settings.ts'
import { jsonArg, printJson, printTable, when } from './table.ts'

const idArg = {
  client: { type: 'positional', required: true, description: 'its client_id' },
} as const

/** Registration asks the policy only for what every broker has in common, whatever its address. */
const ANY_POLICY = createPolicy({
  publicUrl: 'http://localhost',
  forgejoUrl: 'http://localhost',
  forgejoScopes: [],
})

const add = defineCommand({
  meta: { name: 'add', description: 'Register a client by hand, for one that cannot do it itself' },
  args: {
    name: { type: 'positional', required: true, description: 'shown on the consent page' },
    'redirect-uri...': {
      type: 'positional',
      required: true,
      description: 'where it may be sent back to',
    },
    ...storeArgs,
  },
  run: ({ args }) =>
    withStore(args, ({ store }) => {
      const clients = createClients({
        store,
        policy: ANY_POLICY,
        clock: systemClock,
        log: silentLog,
      })
      const [, ...redirectUris] = args._
      try {
        const client = clients.add({ name: args.name, redirectUris })
        console.log(`client_id: ${client.id}\nIt is a public client: no secret, PKCE with S256.`)
      } catch (error) {
        if (!(error instanceof OAuthError)) throw error
        throw new OperatorError(
          error.description,
          'https, http on loopback, or a private scheme such as cursor:',
          2,
        )
      }
    }),
})

const list = defineCommand({
  meta: { name: 'list', description: 'Clients, the newest first' },
  args: { ...storeArgs, ...jsonArg },
  run: ({ args }) =>
    withStore(args, ({ store }) => {
      const rows = store.admin.clients()
      if (args.json) return printJson(rows)
      printTable(
        ['CLIENT_ID', 'NAME', 'KIND', 'USERS', 'LAST USED', 'STATE'],
        rows.map((row) => [
          row.id,
          row.name,
          row.kind,
          row.grants,
          when(row.lastUsedAt),
          row.revokedAt === null ? 'good' : 'revoked',
        ]),
        'No client yet.',
      )
    }),
})

const show = defineCommand({
  meta: { name: 'show', description: 'One client: where it is sent back to, and who let it in' },
  args: { ...idArg, ...storeArgs, ...jsonArg },
  run: ({ args }) =>
    withStore(args, ({ store }) => {
      const client = store.admin.clients().find(({ id }) => id === args.client)
      if (!client) throw new OperatorError(`no client ${args.client}`, '`clients list` shows them')
      const grants = store.admin.grantsOf(client.id)
      if (args.json) return printJson({ ...client, grants })
      console.log(`${client.name} (${client.kind}${client.revokedAt === null ? '' : ', revoked'})`)
      console.log(`registered ${when(client.createdAt)}, last used ${when(client.lastUsedAt)}`)
      for (const uri of client.redirectUris) console.log(`redirect  ${uri}`)
      printTable(
        ['LOGIN', 'SINCE', 'STATE', 'MAY'],
        grants.map((grant) => [
          grant.login,
          when(grant.createdAt),
          grant.revokedAt === null ? 'good' : 'revoked',
          grant.scopes.join(' '),
        ]),
        'Nobody has let it in.',
      )
    }),
})

const revoke = defineCommand({
  meta: {
    name: 'revoke',
    description: 'Revoke a client, everything it was granted, and its sessions',
  },
  args: { ...idArg, ...storeArgs },
  run: ({ args }) =>
    withStore(args, ({ store }) => {
      const revocation = createRevocation({
        store,
        clock: systemClock,
        events: { familyEnded() {} },
      })
      if (!revocation.revokeClient(args.client, 'by the operator')) {
        throw new OperatorError(
          `no client ${args.client} that is good`,
          '`clients list` shows them',
        )
      }
      console.log(`${args.client} revoked; a running broker ends its sessions at once`)
    }),
})

export const clientsCommand = defineCommand({
  meta: { name: 'clients', description: 'MCP clients: add, list, show, revoke' },
  subCommands: { add, list, show, revoke },
})
