import { defineCommand } from 'citty'
import { systemClock } from '../clock.ts'
import { createRevocation } from '../oauth/revoke.ts'
import { accountNamed } from './account.ts'
import { withStore } from './existing.ts'
import { storeArgs } from './settings.ts'
import { jsonArg, printJson, printTable, when } from './table.ts'

const list = defineCommand({
  meta: { name: 'list', description: 'Forgejo users that have logged in' },
  args: { ...storeArgs, ...jsonArg },
  run: ({ args }) =>
    withStore(args, ({ store }) => {
      const rows = store.admin.accounts()
      if (args.json) return printJson(rows)
      printTable(
        ['LOGIN', 'SUB', 'SESSIONS', 'LAST LOGIN', 'CREDENTIAL'],
        rows.map((row) => [
          row.login,
          row.sub,
          row.sessions,
          when(row.lastLoginAt),
          credential(row),
        ]),
        'No account yet: nobody has logged in.',
      )
    }),
})

function credential(row: {
  deadAt: number | null
  deadReason: string | null
  lastFailure: string | null
  accessExpiresAt: number | null
}): string {
  if (row.accessExpiresAt === null) return 'none'
  if (row.deadAt !== null) return `must log in again (${row.deadReason})`
  return row.lastFailure === null
    ? `good, renewed by ${when(row.accessExpiresAt)}`
    : `not renewed yet: ${row.lastFailure}`
}

const disconnect = defineCommand({
  meta: {
    name: 'disconnect',
    description: 'Revoke every grant of an account and end its sessions',
  },
  args: {
    account: { type: 'positional', required: true, description: 'login, sub:ID or account id' },
    ...storeArgs,
  },
  run: ({ args }) =>
    withStore(args, ({ store }) => {
      const account = accountNamed(store, args.account)
      const revocation = createRevocation({
        store,
        clock: systemClock,
        events: { familyEnded() {} },
      })
      const grants = store.grants.list({ accountId: account.id })
      for (const grant of grants) revocation.revokeGrant(grant.id, 'by the operator')
      console.log(
        `${account.login}: ${grants.length} grants revoked; a running broker ends its sessions at once`,
      )
    }),
})

export const accountsCommand = defineCommand({
  meta: { name: 'accounts', description: 'Forgejo users: list, disconnect' },
  subCommands: { list, disconnect },
})
