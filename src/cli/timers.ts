import { type Clock, MINUTE_MS } from '../clock.ts'
import type { Log } from '../log.ts'

/** A background job: one plain function of the time. */
export interface Job {
  name: string
  /** How often it runs, in milliseconds. */
  intervalMs: number
  runOnce(now: number): void | Promise<void>
}

/** The usual pace of the rotator and the janitor. */
export const USUAL_MS = MINUTE_MS

/** A pace that is at most a quarter of the interval it guards, so that short settings hold as written. */
export const pace = (guardedMs: number): number => Math.max(100, Math.min(USUAL_MS, guardedMs / 4))

/** Runs jobs at their pace, never two runs of one job at once; a run that fails is logged and the next one comes. */
export function startJobs(jobs: readonly Job[], clock: Clock, log: Log): { stop(): Promise<void> } {
  const running = new Set<Promise<void>>()
  const cancels = jobs.map((job) => {
    let busy = false
    return clock.every(job.intervalMs, () => {
      if (busy) return
      busy = true
      const run = (async () => job.runOnce(clock.now()))()
        .catch((error) => log.error('job failed', { job: job.name, error }))
        .finally(() => {
          busy = false
          running.delete(run)
        })
      running.add(run)
    })
  })
  return {
    async stop() {
      for (const cancel of cancels) cancel()
      await Promise.all(running)
    },
  }
}
