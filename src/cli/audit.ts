import { defineCommand } from 'citty'
import { OperatorError } from '../errors.ts'
import type { AuditFilter } from '../store/audit.ts'
import { parseDuration, parseInteger } from '../units.ts'
import { accountNamed } from './account.ts'
import { withStore } from './existing.ts'
import { storeArgs } from './settings.ts'
import { jsonArg, printJson, printTable, when } from './table.ts'

export const auditCommand = defineCommand({
  meta: { name: 'audit', description: 'What happened, to whom and why; the newest first' },
  args: {
    since: {
      type: 'string',
      valueHint: 'duration',
      description: 'no older than this, such as 24h',
    },
    until: {
      type: 'string',
      valueHint: 'duration',
      description: 'no younger than this',
    },
    event: {
      type: 'string',
      valueHint: 'name',
      description: 'only this event, or this kind: session.ended, session',
    },
    account: {
      type: 'string',
      valueHint: 'account',
      description: 'only this login, sub:ID or account id',
    },
    client: { type: 'string', valueHint: 'id', description: 'only this client_id' },
    family: { type: 'string', valueHint: 'id', description: 'only this login' },
    session: {
      type: 'string',
      valueHint: 'hash',
      description: 'only the session whose hash begins so',
    },
    limit: { type: 'string', valueHint: 'number', description: 'at most so many [100]' },
    ...jsonArg,
    ...storeArgs,
  },
  run({ args }) {
    const limit = read('limit', args.limit ?? '100', parseInteger)
    const sinceMs = args.since === undefined ? undefined : read('since', args.since, parseDuration)
    return withStore(args, ({ store, now }) => {
      const filter: AuditFilter = { limit }
      if (sinceMs !== undefined) filter.since = now - sinceMs
      if (args.until !== undefined) filter.until = now - read('until', args.until, parseDuration)
      if (args.event !== undefined) filter.event = args.event
      if (args.client !== undefined) filter.clientId = args.client
      if (args.family !== undefined) filter.familyId = args.family
      if (args.session !== undefined) filter.session = args.session.toLowerCase()
      if (args.account !== undefined) filter.accountId = accountNamed(store, args.account).id
      const rows = store.audit.list(filter)
      if (args.json) return printJson(rows)
      const logins = new Map(store.admin.accounts().map(({ id, login }) => [id, login]))
      printTable(
        ['TIME', 'EVENT', 'ACCOUNT', 'CLIENT', 'SESSION', 'REASON'],
        rows.map((row) => [
          when(row.at),
          row.event,
          logins.get(row.accountId ?? '') ?? row.accountId ?? '-',
          row.clientId ?? '-',
          row.sessionHash?.slice(0, 12) ?? '-',
          row.reason ?? '-',
        ]),
        'Nothing that matches.',
      )
    })
  },
})

function read(flag: string, text: string, parse: typeof parseDuration): number {
  const value = parse(text)
  if (value.ok) return value.value
  throw new OperatorError(
    `--${flag} ${JSON.stringify(text)} ${value.error}`,
    'fjmcp-broker audit --help',
    2,
  )
}
