import { existsSync } from 'node:fs'
import { defineCommand } from 'citty'
import { OperatorError } from '../errors.ts'
import { withStore } from './existing.ts'
import { keyPathOf } from './key.ts'
import { storeArgs } from './settings.ts'

export const backupCommand = defineCommand({
  meta: {
    name: 'backup',
    description: 'Copy the store, while the broker runs too; the key is not in it',
  },
  args: {
    file: { type: 'positional', required: true, description: 'where to; must not exist yet' },
    ...storeArgs,
  },
  run: ({ args }) =>
    withStore(args, ({ store, config }) => {
      if (existsSync(args.file)) {
        throw new OperatorError(`${args.file} exists`, 'name a file that does not exist yet')
      }
      store.backup(args.file)
      const key = config.key ? 'FJMCP_BROKER_KEY' : keyPathOf(config.storePath)
      console.log(
        `${args.file} written. The sealing key is not in it: keep ${key} too, and elsewhere.`,
      )
    }),
})
