import { defineCommand } from 'citty'
import { versionLine } from '../version.ts'

export const versionCommand = defineCommand({
  meta: { name: 'version', description: 'Print version, revision and build date' },
  run: () => console.log(versionLine),
})
