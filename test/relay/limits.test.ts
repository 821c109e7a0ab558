import { expect, test } from 'bun:test'
import { createLimits, type Leave, MAX_IN_ALL, MAX_PER_ACCOUNT } from '../../src/relay/limits.ts'
import { manualClock } from '../fixtures/clock.ts'
import { bench, until } from './harness.ts'

async function fill(limits: ReturnType<typeof createLimits>, account: string, places: number) {
  const left: Leave[] = []
  for (let n = 0; n < places; n++) {
    const leave = await limits.enter(account)
    if (leave) left.push(leave)
  }
  return left
}

test('the seventeenth request of an account waits five seconds and is refused', async () => {
  const clock = manualClock()
  const limits = createLimits(clock)
  expect(await fill(limits, 'a', MAX_PER_ACCOUNT)).toHaveLength(16)
  const extra = limits.enter('a')
  expect(await limits.enter('b')).toBeFunction()
  await clock.advance(4_999)
  expect(clock.pending).toBe(1)
  await clock.advance(1)
  expect(await extra).toBeUndefined()
})

test('a place that comes free goes to who waits longest and may have it', async () => {
  const clock = manualClock()
  const limits = createLimits(clock)
  const accounts = Array.from({ length: MAX_IN_ALL / MAX_PER_ACCOUNT }, (_, n) => `account ${n}`)
  const left = new Map<string, Leave[]>()
  for (const account of accounts) left.set(account, await fill(limits, account, MAX_PER_ACCOUNT))
  const admitted: string[] = []
  const wait = (account: string, name: string) =>
    limits.enter(account).then((leave) => leave && admitted.push(name))
  wait('account 0', 'first, but at its own bound')
  wait('one more', 'second')
  wait('account 1', 'third')
  left.get('account 1')?.[0]?.()
  left.get('account 1')?.[0]?.()
  await clock.settle()
  expect(admitted).toEqual(['second'])
  left.get('account 1')?.[1]?.()
  await clock.settle()
  expect(admitted).toEqual(['second', 'third'])
  expect(clock.pending).toBe(1)
  await clock.advance(5_000)
  expect(admitted).toHaveLength(2)
  expect(clock.pending).toBe(0)
})

test('over HTTP: sixteen at once reach Forgejo, one more gets 503 or the next free place', async () => {
  await using b = bench()
  const child = await b.child()
  const go = Promise.withResolvers<undefined>()
  b.handler = () => go.promise
  const asked = Array.from({ length: 18 }, () => b.ask(child, '/api/v1/user'))
  await until(() => b.seen.length === 16)
  await Bun.sleep(20)
  expect(b.seen).toHaveLength(16)
  await b.clock.advance(5_000)
  go.resolve(undefined)
  const statuses = (await Promise.all(asked)).map(({ status }) => status).sort()
  expect(statuses).toEqual([...Array(16).fill(200), 503, 503])
  expect((await b.ask(child, '/api/v1/user')).status).toBe(200)
})
