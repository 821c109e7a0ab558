import { defineCommand } from 'citty'
import { formatKey, keyId, randomKey } from '../crypto.ts'
import { OperatorError } from '../errors.ts'
import { lockStore } from '../store/lock.ts'
import { mustExist, withStore } from './existing.ts'
import { keyPathOf, loadKeys, openSealer, writeKeys } from './key.ts'
import { loadStoreConfig, storeArgs } from './settings.ts'

const show = defineCommand({
  meta: { name: 'show', description: 'Which key the store is sealed with; never the key itself' },
  args: storeArgs,
  run: ({ args }) =>
    withStore(args, ({ store, config, now }) => {
      const keys = loadKeys(config)
      openSealer(keys, store, now)
      const from = config.key ? 'FJMCP_BROKER_KEY' : keyPathOf(config.storePath)
      console.log(`${from}: ${keys.map((key) => keyId(key)).join(', ')}; it opens the store`)
    }),
})

const generate = defineCommand({
  meta: { name: 'generate', description: 'Print a new key for FJMCP_BROKER_KEY' },
  run: () => console.log(formatKey(randomKey())),
})

const rotate = defineCommand({
  meta: {
    name: 'rotate',
    description: 'Seal the store with a new key; the broker must be stopped',
  },
  args: storeArgs,
  run({ args }) {
    const config = loadStoreConfig(args)
    if (config.key) {
      throw new OperatorError(
        'the key comes from FJMCP_BROKER_KEY, which this command cannot change',
        `move it into ${keyPathOf(config.storePath)} (mode 0600), then rotate`,
      )
    }
    mustExist(config.storePath)
    const release = lockStore(config.storePath)
    try {
      withStore(args, ({ store, now }) => {
        const old = loadKeys(config)
        openSealer(old, store, now)
        const key = randomKey()
        // Both keys stay in the file until everything is sealed anew: a crash in between loses nothing.
        writeKeys(config.storePath, [key, ...old])
        const sealer = store.transaction(() => {
          store.facts.clear('key_check')
          return openSealer([key, ...old], store, now)
        })
        const { resealed, lost } = store.transaction(() => store.admin.reseal(sealer))
        writeKeys(config.storePath, [key])
        const rest = lost > 0 ? `; ${lost} could not be opened and were left` : ''
        console.log(`sealed with the new key ${keyId(key)}: ${resealed} texts${rest}`)
      })
    } finally {
      release()
    }
  },
})

export const keysCommand = defineCommand({
  meta: { name: 'keys', description: 'The sealing key: show, generate, rotate' },
  subCommands: { show, generate, rotate },
})
