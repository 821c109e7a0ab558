import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { type Child, createSpawn } from '../../src/child/child.ts'
import { systemClock } from '../../src/clock.ts'
import { silentLog } from '../../src/log.ts'

const CYCLES = 1000
const AT_ONCE = 20
/** What the allocator and the pools of the runtime may keep over 1,000 cycles: 16 KiB for each. */
const MAX_GROWTH_BYTES = 16 * 1024 * 1024
/** Descriptors that the runtime may open meanwhile for reasons of its own. */
const MAX_DESCRIPTORS_MORE = 3

const spawn = createSpawn({ clock: systemClock, log: silentLog })

/** One life: started, spoken to, heard, stopped. */
async function cycle(): Promise<number> {
  const heard = Promise.withResolvers<void>()
  const child: Child = spawn(
    {
      binary: '/bin/cat',
      args: [],
      env: {},
      cwd: '/',
      maxLineBytes: 1000,
      secrets: ['secret'],
    },
    { line: () => heard.resolve(), oversize() {}, noise() {}, muted() {}, exited() {} },
  )
  child.send('{"id":1}')
  await heard.promise
  await child.stop()
  await child.exited
  return child.pid
}

async function cycles(count: number): Promise<number[]> {
  const pids: number[] = []
  for (let done = 0; done < count; done += AT_ONCE)
    pids.push(...(await Promise.all(Array.from({ length: AT_ONCE }, cycle))))
  return pids
}

function census() {
  Bun.gc(true)
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    rss: process.memoryUsage().rss,
  }
}

test('1,000 children come and go without a zombie, a descriptor or memory left behind', async () => {
  await cycles(300)
  const before = census()
  const pids = await cycles(CYCLES)
  const after = census()
  expect(pids.length).toBe(CYCLES)
  const left = pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')[3] === String(process.pid)
    } catch {
      return false
    }
  })
  expect(left).toEqual([])
  expect(after.descriptors - before.descriptors).toBeLessThanOrEqual(MAX_DESCRIPTORS_MORE)
  expect(after.rss - before.rss).toBeLessThan(MAX_GROWTH_BYTES)
}, 60_000)
