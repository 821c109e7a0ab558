import { expect, test } from 'bun:test'
import { MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import type { Session } from '../../src/session/session.ts'
import { next, type SeatEvent, type SeatState, type Step } from '../../src/session/state.ts'
import type { Caller } from '../../src/store/families.ts'
import { createWorld, type Reply, sink, tool, type World } from './world.ts'

/** Random numbers that a failing seed brings back (mulberry32). */
function randomness(seed: number) {
  let state = seed
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(fraction() * n)
  return { below, pick: <T>(list: readonly T[]): T | undefined => list[below(list.length)] }
}

test('a seat in whatever order events come: one current child, never one that has ended, closed for good', () => {
  for (let seed = 0; seed < 300; seed++) {
    const { below, pick } = randomness(seed)
    let state: SeatState<number> = { phase: 'asleep' }
    const over = new Set<number>()
    let children = 0
    for (let step = 0; step < 60; step++) {
      const event = pick<SeatEvent<number>>([
        { event: 'wake' },
        { event: 'replace' },
        { event: 'started', child: ++children },
        { event: 'start-failed' },
        { event: 'exited', child: below(children + 1) },
        { event: 'sleep' },
        ...(below(40) === 0 ? [{ event: 'close', reason: 'done' } as const] : []),
      ])
      if (!event) continue
      const before: SeatState<number> = state
      const { state: after, refused }: Step<number> = next(before, event)
      if (event.event === 'exited') over.add(event.child)
      if (event.event === 'started' && refused !== undefined) over.add(event.child)
      if ('child' in after && event.event !== 'started') expect(over.has(after.child)).toBe(false)
      if (before.phase === 'closed') expect(after).toBe(before)
      expect(refused === undefined).toBe(after !== before)
      state = after
    }
  }
})

interface Asked {
  id: string
  n: number
  ends: string[]
  reply: Reply | undefined
}

/** One random life of two sessions, each used by a caller with wide and one with narrow scopes. */
async function live(seed: number): Promise<void> {
  const { below, pick } = randomness(seed)
  const maxSessions = 6
  const world: World = createWorld({
    config: { childCredential: 'token', maxSessions },
    standbyKeepMs: 5 * MINUTE_MS,
  })
  /** Questions to Forgejo about tokens, which it answers some time. */
  const doubts: ((rejected: boolean) => void)[] = []
  world.access.doubted(() => new Promise((resolve) => void doubts.push(resolve)))
  const narrow: Caller = { ...world.alice, scopes: ['read:issue'] }
  const callers = [world.alice, narrow]
  const living = new Map<string, Session>()
  const ended: string[] = []
  const asked: Asked[] = []

  const ask = (name: string) => {
    const session = pick([...living.values()])
    const caller = pick(callers)
    if (!session || !caller) return
    const one: Asked = { id: `c${asked.length % 3}`, n: asked.length, ends: [], reply: undefined }
    const answer = sink()
    const args = name === 'fail' ? { text: 'user does not exist [uid: 0, name: ]' } : { n: one.n }
    const accepted = Promise.resolve(session.request(caller, tool(name, args, one.id), answer))
    void answer.reply.then((reply) => {
      one.reply = reply
    })
    void accepted.then(({ ok }) => {
      if (!ok) return
      one.ends = answer.ends
      asked.push(one)
    })
  }

  const steps: (() => unknown)[] = [
    () => ask('echo'),
    () => ask('echo'),
    () => ask('echo'),
    () => ask('hold'),
    () => ask('hang'),
    () => ask('fail'),
    () => {
      const rejected = below(2) === 0
      if (rejected && doubts.length > 0) {
        world.access.renew()
        world.registry.credentialRenewed(world.alice.accountId)
      }
      for (const answer of doubts.splice(0)) answer(rejected)
    },
    () => pick(world.spawner.alive)?.release(),
    () => pick(world.spawner.alive)?.die(),
    () => {
      world.access.renew()
      world.registry.credentialRenewed(world.alice.accountId)
    },
    () => below(3) === 0 && world.registry.credentialDied(world.alice.accountId),
    () => world.clock.advance(below(10) * SECOND_MS),
    async () => {
      await world.clock.advance(below(20) * MINUTE_MS)
      world.registry.reap(world.clock.now())
    },
    () => world.spawner.behave(below(4) === 0 ? { dies: 'no' } : {}),
    () => {
      const [id, session] = pick([...living]) ?? []
      if (below(4) > 0 || !id || !session) return
      world.registry.end(session, 'random')
      living.delete(id)
      ended.push(id)
    },
    () => {
      if (living.size >= 2) return
      world.open().then(
        (opened) => living.set(opened.id, opened.session),
        () => {},
      )
    },
  ]

  let wasOpen = false
  let startedBefore = 0
  const check = async () => {
    await world.clock.advance(100)
    const rows = new Map(world.store.children.list().map((row) => [row.pid, row]))
    const { alive } = world.spawner
    expect([...rows.keys()].sort()).toEqual(alive.map(({ pid }) => pid).sort())
    expect(world.access.held()).toBe(alive.length)
    const accessOf = ({ spec }: (typeof alive)[number]) =>
      world.access.opened[Number(spec.env.FORGEJO_ACCESS_TOKEN?.split('-').at(-1)) - 1]
    const isStandby = ({ pid }: (typeof alive)[number]) => rows.get(pid)?.sessionHash === null
    const running = alive.filter(({ stopped }) => !stopped)
    // One at most stands by, holds the newest token, was told nothing, and belongs to nobody.
    const standbys = running.filter(isStandby)
    expect(standbys.length).toBeLessThanOrEqual(1)
    for (const standby of standbys) {
      expect(standby.received).toEqual([])
      expect(accessOf(standby)?.leases).toEqual([])
      expect(accessOf(standby)?.generation).toBe(world.access.generation)
    }
    // Only a hand-over exceeds the cap: by children that still owe an answer.
    const settled = running.filter((child) => child.owed === 0)
    expect(settled.length).toBeLessThanOrEqual(maxSessions)
    const seats = Map.groupBy(
      alive.filter((child) => !isStandby(child)),
      (child) => {
        const { leases = [], request } = accessOf(child) ?? {}
        const scopes = (leases.at(-1) ?? request)?.scopes
        return `${rows.get(child.pid)?.sessionHash} ${scopes}`
      },
    )
    for (const children of seats.values()) {
      for (const child of children) expect(accessOf(child)?.leases.length).toBeLessThanOrEqual(1)
      // Only a child that still owes an answer may stand beside its successor.
      const predecessors = children.slice(0, -1).filter((child) => !child.stopped)
      for (const child of predecessors) expect(child.owed).toBeGreaterThan(0)
    }
    for (const id of ended) expect(world.registry.find(world.alice, id).ok).toBe(false)
    for (const id of living.keys()) expect(world.registry.find(world.alice, id).ok).toBe(true)
    if (living.size === 0) expect(alive.filter((child) => !isStandby(child))).toEqual([])
    // While the breaker is open nothing is started for the account.
    const opened = world.store.audit.list({ event: 'breaker.opened', limit: 1 })[0]
    const isOpen = opened !== undefined && world.clock.now() - opened.at < 30 * SECOND_MS
    if (isOpen && wasOpen) expect(world.spawner.children.length).toBe(startedBefore)
    wasOpen = isOpen
    startedBefore = world.spawner.children.length
  }

  try {
    for (let step = 0; step < 60; step++) {
      await steps[below(steps.length)]?.()
      await check()
    }
    await world.clock.settle()
    await world.registry.stopAll(0)
    await world.clock.settle()
    expect(world.spawner.alive).toEqual([])
    for (const { id, n, ends, reply } of asked) {
      expect(ends).toHaveLength(1)
      expect(reply?.id).toBe(id)
      if (reply?.result && 'said' in reply.result) expect(reply.result.said).toEqual({ n })
    }
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error })
  } finally {
    await world.close()
  }
}

test('sessions under random calls, deaths, renewals, sleeps and ends keep every promise', async () => {
  for (let seed = 1; seed <= 25; seed++) await live(seed)
}, 60_000)
