import { defineCommand } from 'citty'
import { systemClock } from '../clock.ts'
import { createLog } from '../log.ts'
import { BUILD } from '../version.ts'
import { openBroker } from './broker.ts'
import { configArgs, loadConfig } from './settings.ts'

/** Conventional exit code of a program that a second signal hurries. */
const HURRIED = 1

export const serveCommand = defineCommand({
  meta: { name: 'serve', description: 'Run the broker (the default)' },
  args: configArgs,
  async run({ args }): Promise<number> {
    const config = loadConfig(args)
    const log = createLog({ debug: config.debug, format: config.logFormat })
    process.on('unhandledRejection', (error) => log.error('unhandled rejection', { error }))
    process.on('uncaughtException', (error) => log.error('uncaught exception', { error }))
    const broker = await openBroker({ config, log, clock: systemClock, environment: process.env })
    log.info('broker started', {
      version: BUILD.version,
      publicUrl: config.publicUrl,
      listen: broker.address,
      childCredential: config.childCredential,
    })
    for (const warning of broker.warnings) log.warn(warning)
    return await untilStopped(async (signal, hurry) => {
      log.info('stopping', { signal, graceMs: config.shutdownGraceMs })
      await broker.close(hurry)
      log.info('broker stopped')
    })
  },
})

/** Waits for SIGTERM or SIGINT, then stops; a second one hurries. Returns the exit code. */
function untilStopped(
  stop: (signal: string, hurry: AbortSignal) => Promise<void>,
): Promise<number> {
  const hurry = new AbortController()
  return new Promise((resolve, reject) => {
    let stopping = false
    const onSignal = (signal: string): void => {
      if (stopping) {
        hurry.abort()
        return
      }
      stopping = true
      stop(signal, hurry.signal).then(() => resolve(hurry.signal.aborted ? HURRIED : 0), reject)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
