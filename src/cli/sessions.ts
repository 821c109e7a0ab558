import { defineCommand } from 'citty'
import { OperatorError } from '../errors.ts'
import { withStore } from './existing.ts'
import { storeArgs } from './settings.ts'
import { jsonArg, printJson, printTable, when } from './table.ts'

/** Enough of a session's hash to tell it from the others. */
const SHOWN = 12

const list = defineCommand({
  meta: { name: 'list', description: 'Sessions that have not ended' },
  args: { ...storeArgs, ...jsonArg },
  run: ({ args }) =>
    withStore(args, ({ store }) => {
      const rows = store.admin.sessions()
      if (args.json) return printJson(rows)
      printTable(
        ['SESSION', 'LOGIN', 'CLIENT', 'STATE', 'CALLS', 'LAST USED', 'PROTOCOL'],
        rows.map((row) => [
          row.id.slice(0, SHOWN),
          row.login,
          row.client ?? row.clientId,
          row.awake ? 'awake' : 'asleep',
          row.calls,
          when(row.lastUsedAt),
          row.protocolVersion,
        ]),
        'No session.',
      )
    }),
})

const end = defineCommand({
  meta: { name: 'end', description: 'End a session' },
  args: {
    session: {
      type: 'positional',
      required: true,
      description: 'the start of its hash, as listed',
    },
    ...storeArgs,
  },
  run: ({ args }) =>
    withStore(args, ({ store, now }) => {
      const found = store.admin.requestClose(now, args.session)
      if (found === 1) return console.log('asked for; a running broker ends it at once')
      throw new OperatorError(
        found === 0
          ? `no session begins with ${args.session}`
          : `several sessions begin with ${args.session}`,
        '`sessions list` shows them; give at least four characters',
      )
    }),
})

export const sessionsCommand = defineCommand({
  meta: { name: 'sessions', description: 'MCP sessions: list, end' },
  subCommands: { list, end },
})
