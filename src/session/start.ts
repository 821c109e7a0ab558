import type { Child } from '../child/child.ts'
import { childEnv } from '../child/env.ts'
import { sleep } from '../clock.ts'
import { describe, redact } from '../log.ts'
import { createBridge } from '../mcp/bridge.ts'
import { readListChanges } from '../mcp/modern/listen.ts'
import { rpcNotification } from '../mcp/rpc.ts'
import { createDoubt } from './doubt.ts'
import type { ChildOrder, ChildSurroundings, Listener, LiveChild, StopCause } from './live.ts'

/** How often a drain looks whether it is done, in ms. */
const DRAIN_STEP_MS = 50

/** Most of a dead child's last words that are told, in characters. */
const MAX_LAST_WORDS = 400

const FAILURE: Record<StopCause, string> = {
  slept: 'the child was stopped',
  replaced: 'the child was replaced before it answered',
  'session-ended': 'the session has ended',
  'start-failed': 'the child did not start',
  shutdown: 'the broker is stopping',
}

/**
 * Starts a process and puts a bridge on it. The access and the slot are given back when it is gone.
 * Throws what the spawner throws when there is no such program; then nothing is given back.
 */
export function startChild(around: ChildSurroundings & Listener, order: ChildOrder): LiveChild {
  const { clock, config, metrics, store } = around
  const { access, accountId } = order
  const log = around.log.with({ account: accountId })
  const done = Promise.withResolvers<void>()
  let child: Child | undefined
  let over: string | undefined
  /** Why we ended it although nobody told it to stop. */
  let mishap: string | undefined
  let cause: StopCause | undefined
  let initialized = false
  let lastUsedAt = clock.now()
  const doubt = createDoubt(clock, access)

  const bridge = createBridge({
    channel: { send: (line) => child?.send(line) ?? false },
    clock,
    callTimeoutMs: config.callTimeoutMs,
    unsolicited: (text, open) => order.unsolicited(text, open),
    clean: (text) => access.clean(text),
    settled(outcome, text) {
      lastUsedAt = clock.now()
      metrics.calls.inc({ outcome })
      if (outcome === 'error') doubt.hear(text)
    },
    idsFrom: order.nextAsk,
  })

  const running = around.spawn(
    {
      binary: config.forgejoMcpBinary,
      args: ['--transport', 'stdio', '--url', access.url],
      env: childEnv(around.environment, {
        ...access.env,
        HOME: around.childHome,
        FORGEJO_ACCESS_TOKEN: access.credential,
        FORGEJO_USER_AGENT: around.userAgent,
        GOMEMLIMIT: `${config.childMemoryBytes}B`,
      }),
      cwd: around.childHome,
      maxLineBytes: config.maxBodyBytes,
      secrets: [access.credential, ...access.secrets()],
    },
    {
      line(text, value) {
        for (const method of readListChanges(text)) around.listChanged(accountId, method)
        if (!bridge.receive(text, value)) metrics.childNoise.inc()
      },
      oversize(head) {
        log.warn('child said a line over the cap', { pid: running.pid })
        bridge.oversize(head)
      },
      noise: (count) => metrics.childNoise.inc(count),
      // New calls wait for its end, and get the next one.
      muted() {
        over ??= 'takes no more input'
      },
      exited(exit) {
        const end = exit.signal ? `was killed by ${exit.signal}` : `exited with code ${exit.code}`
        const how = mishap ?? end
        const words = redact(access.clean(exit.stderrTail)).trim().slice(-MAX_LAST_WORDS)
        over = words === '' ? how : `${how}: ${words}`
        if (cause === undefined) {
          log.warn('child ended by itself', { pid: running.pid, reason: over })
          doubt.hear(over)
        }
        bridge.fail(cause ? 'stopped' : 'child-died', cause ? FAILURE[cause] : `the child ${how}`)
        metrics.children.dec()
        metrics.childrenEnded.inc({ reason: cause ?? 'exited' })
        access.release()
        order.slot.release()
        done.resolve()
        try {
          store.children.remove(running.pid)
        } catch (error) {
          log.warn('end of a child could not be written', { pid: running.pid, error })
        }
      },
    },
  )
  child = running
  metrics.children.inc()

  return {
    pid: running.pid,
    accountId,
    epoch: order.epoch,
    get lastUsedAt() {
      return lastUsedAt
    },
    get inFlight() {
      return bridge.inFlight
    },
    get owed() {
      return bridge.owed
    },
    get wedged() {
      return bridge.stuck > 0
    },
    get rejected() {
      return doubt.confirmed
    },
    get doubted() {
      return doubt.asking
    },
    get over() {
      return over ?? (cause && FAILURE[cause])
    },
    get stopped() {
      return cause !== undefined
    },
    gone: done.promise,

    writeDown() {
      if (over !== undefined) return
      try {
        const { pid, startTime } = running
        const { sessionHash = null } = order
        store.children.add(clock.now(), { pid, startTime, accountId, sessionHash })
      } catch (error) {
        // Unrecorded it could outlive a killed broker unseen.
        mishap = `could not be written down (${describe(error)})`
        running.kill()
      }
    },
    call: bridge.call,
    named: bridge.named,
    notify: (notification) => bridge.notify(notification),
    answer: (response) => bridge.answer(response),
    sayInitialized() {
      if (initialized) return
      initialized = true
      bridge.notify(rpcNotification('notifications/initialized'))
    },
    giveWay: () => order.slot.release(),

    async drain(ms) {
      const until = clock.now() + ms
      while (bridge.inFlight > 0 && over === undefined && clock.now() < until) {
        await Promise.race([done.promise, sleep(clock, DRAIN_STEP_MS)])
      }
    },
    async stop(why) {
      if (cause === undefined && over === undefined) {
        cause = why
        bridge.fail('stopped', FAILURE[why])
      }
      await running.stop()
    },
    kill: () => running.kill(),
  }
}
