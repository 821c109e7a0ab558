import { defineCommand } from 'citty'
import { systemClock } from '../clock.ts'
import { createUpstream } from '../forgejo/upstream.ts'
import { TOKEN_MODE_WARNINGS } from './access.ts'
import { brokerRuns, checkChild, checkStore, type Finding } from './check-local.ts'
import { checkForgejo, checkPublicUrl } from './check-remote.ts'
import { configArgs, loadConfig } from './settings.ts'

const MARKS: Record<Finding['state'], string> = {
  ok: 'ok  ',
  warn: 'warn',
  fail: 'FAIL',
  skip: 'skip',
}

export const checkCommand = defineCommand({
  meta: {
    name: 'check',
    description: 'Tell what is wrong with this installation, and how to mend it',
  },
  args: configArgs,
  async run({ args }): Promise<number> {
    const config = loadConfig(args)
    let failed = 0
    const show = (finding: Finding): void => {
      if (finding.state === 'fail') failed += 1
      console.log(`${MARKS[finding.state]}  ${finding.text}`)
      if (finding.hint) console.log(`      ${finding.hint}`)
    }
    const running = brokerRuns(config.storePath)
    show({
      state: 'ok',
      text: `the configuration: complete; ${running ? 'a broker runs' : 'no broker runs'} on this store`,
    })
    if (config.childCredential === 'token') {
      for (const text of TOKEN_MODE_WARNINGS) show({ state: 'warn', text })
    }
    checkStore(config).forEach(show)
    const forgejo = await checkForgejo(config, createUpstream({ config, clock: systemClock }))
    forgejo.findings.forEach(show)
    for (const finding of await checkChild(config, forgejo.version)) show(finding)
    show(await checkPublicUrl(config, running))
    return failed === 0 ? 0 : 1
  },
})
