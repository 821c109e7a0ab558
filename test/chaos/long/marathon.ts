import { describe, expect } from 'bun:test'
import { until } from '../../fixtures/until.ts'
import type { Person } from '../people.ts'
import { type Stage, scenario } from '../stage.ts'

const CALLS = 10_000
const USERS = ['alice', 'bob', 'carol', 'dave']
/** Calls that each of the eight clients has open at a time. */
const LINES = 3
const RENEWALS = 10
/** Each renewal comes two seconds before the end. */
const TOKEN_SECONDS = 8
const LIMIT_MS = 20 * 60_000
/** How long calls may fail after something was killed. */
const WINDOW_MS = 500

/** A stretch of time in which calls may fail, because something was killed on purpose. */
interface Window {
  /** Only one client's calls may fail, those that it had open. */
  child: boolean
  from: number
  to: number
}

interface Failed {
  n: number
  from: number
  to: number
  why: string
}

/** Lets every client call again and again; each call is known by its number, to the child and to Forgejo. */
function startCalls(people: readonly Person[]) {
  const answered = new Set<number>()
  const failed: Failed[] = []
  const wrong: string[] = []
  let last = 0
  let over = false

  const call = async (person: Person): Promise<void> => {
    const n = ++last
    const from = performance.now()
    try {
      if (n % 2 === 0) {
        const text = await person.tool('test_echo', { n, who: person.user })
        if (text !== JSON.stringify({ n, who: person.user })) wrong.push(`${n}: ${text}`)
      } else {
        const { status, body } = JSON.parse(
          await person.tool('test_fetch', { target: `/user?n=${n}` }),
        )
        if (status !== 200 || JSON.parse(body).login !== person.user) wrong.push(`${n}: ${body}`)
      }
      if (answered.has(n)) wrong.push(`${n} was answered twice`)
      answered.add(n)
    } catch (error) {
      failed.push({ n, from, to: performance.now(), why: String(error) })
      await Bun.sleep(50)
    }
  }
  const lines = people.flatMap((person) =>
    Array.from({ length: LINES }, async () => {
      while (!over) await call(person)
    }),
  )
  return {
    answered,
    failed,
    wrong,
    async stop() {
      over = true
      await Promise.all(lines)
    },
  }
}

/** How often Forgejo did what a call asked for, by the call's number. */
function doneAtForgejo({ forgejo }: Stage): Map<number, number> {
  const done = new Map<number, number>()
  for (const { path, status } of forgejo.requests) {
    const n = Number(/\/user\?n=(\d+)$/.exec(path)?.[1])
    if (status === 200 && n > 0) done.set(n, (done.get(n) ?? 0) + 1)
  }
  return done
}

describe.each(['relay', 'token'] as const)('--child-credential %s', (mode) => {
  scenario(
    'ten thousand calls of eight clients across ten renewals, three killed children and two restarts: each answered once',
    {
      env: {
        FJMCP_BROKER_CHILD_CREDENTIAL: mode,
        FJMCP_BROKER_REFRESH_LEAD: '2s',
        FJMCP_BROKER_DEBUG: 'false',
      },
    },
    async (stage) => {
      const { forgejo } = stage
      forgejo.world.settings.accessTokenSeconds = TOKEN_SECONDS
      const people: Person[] = []
      for (const user of USERS) {
        if (user !== 'alice' && user !== 'bob') forgejo.addUser(user)
        people.push(await stage.connect({ user, client: 'Desktop' }))
        people.push(await stage.connect({ user, client: 'Phone', sdk: 'v2' }))
      }
      const windows: Window[] = []
      /** Does something that calls in flight may not survive. */
      const violently = async (child: boolean, what: () => void | Promise<void>) => {
        const from = performance.now()
        await what()
        windows.push({ child, from, to: performance.now() + WINDOW_MS })
        // Each is judged by itself, however fast the calls are.
        await Bun.sleep(2 * WINDOW_MS)
      }
      const calls = startCalls(people)
      const reach = (share: number) =>
        until(
          `${share} of the calls`,
          () => calls.answered.size >= CALLS * share && calls.wrong.length === 0,
          LIMIT_MS,
        )

      await reach(0.1)
      for (const share of [0.2, 0.3, 0.4]) {
        // Another child each time: the broker started them in the order of the sessions.
        await violently(true, () => {
          const children = stage.children()
          const victim = children[Math.floor(children.length * share * 2)]
          if (victim) process.kill(victim.pid, 'SIGKILL')
        })
        await reach(share)
      }
      await violently(false, () => stage.restart('SIGTERM'))
      await reach(0.6)
      await violently(false, () => stage.restart('SIGKILL'))
      await reach(1)
      await until(
        'ten renewals of each',
        () => forgejo.counts.refreshesGranted >= RENEWALS * USERS.length,
        LIMIT_MS,
      )
      forgejo.world.settings.accessTokenSeconds = 3_600
      await calls.stop()

      expect(calls.wrong).toEqual([])
      const during = (window: Window) =>
        calls.failed.filter(({ from, to }) => from <= window.to && to >= window.from)
      const expected = new Set(windows.flatMap(during))
      expect(calls.failed.filter((failed) => !expected.has(failed))).toEqual([])
      for (const window of windows)
        if (window.child) expect(during(window).length).toBeLessThanOrEqual(LINES)
      const done = doneAtForgejo(stage)
      expect([...done].filter(([, times]) => times > 1)).toEqual([])
      const missing = [...calls.answered].filter((n) => n % 2 === 1 && !done.has(n))
      expect(missing).toEqual([])
      expect(forgejo.counts.refreshes).toBe(forgejo.counts.refreshesGranted)
      console.log(
        `${mode}: ${calls.answered.size} calls answered, ${calls.failed.length} failed while something was killed, ` +
          `${forgejo.counts.refreshesGranted} renewals`,
      )
    },
    LIMIT_MS,
  )
})
