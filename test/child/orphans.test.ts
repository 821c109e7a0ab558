import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { findStartTime, isAlive, sweep } from '../../src/child/orphans.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { scriptedBinary } from '../fixtures/binary.ts'
import { gone, runs, start, stopAll } from './harness.ts'

const orphans: { pid: number; startTime: string }[] = []

afterEach(async () => {
  await stopAll()
  for (const row of orphans.splice(0)) if (isAlive(row)) process.kill(-row.pid, 'SIGKILL')
})

/** The machine's clock at twenty times its speed. */
const hasty: Clock = { ...systemClock, after: (ms, fn) => systemClock.after(ms / 20, fn) }

/** A broker of a few lines that starts one child and then waits to be killed. */
const BROKER = `
  import { createSpawn } from ${JSON.stringify(join(import.meta.dir, '../../src/child/child.ts'))}
  import { systemClock } from ${JSON.stringify(join(import.meta.dir, '../../src/clock.ts'))}
  import { silentLog } from ${JSON.stringify(join(import.meta.dir, '../../src/log.ts'))}
  const spawn = createSpawn({ clock: systemClock, log: silentLog })
  const handlers = { line: () => console.log(JSON.stringify([child.pid, child.startTime])), oversize() {}, noise() {}, exited() {} }
  const child = spawn({ binary: process.argv[1], args: [], env: { PATH: process.env.PATH }, cwd: '/', maxLineBytes: 1000, secrets: [] }, handlers)
`

/** Starts that broker, kills it the hard way once its child is up, and returns the record of the child. */
async function orphan(behaviour: string[]): Promise<{ pid: number; startTime: string }> {
  const broker = Bun.spawn([process.execPath, '-e', BROKER, scriptedBinary(...behaviour)], {
    env: { PATH: process.env.PATH },
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const { value } = await broker.stdout.getReader().read()
  const [pid, startTime] = JSON.parse(new TextDecoder().decode(value)) as [number, string]
  broker.kill('SIGKILL')
  await broker.exited
  orphans.push({ pid, startTime })
  return { pid, startTime }
}

describe('after a broker was killed', () => {
  test('a child that heeds the end of input is gone by itself', async () => {
    const row = await orphan(['echo'])
    await gone(row.pid)
    expect(await sweep([row], hasty)).toEqual([])
  })

  test('a deaf one is swept, its whole group with it', async () => {
    const row = { ...(await orphan(['deaf', 'term'])), accountId: 'a' }
    expect(await runs(row.pid)).toBe(true)
    expect(await sweep([row], hasty)).toEqual([row])
    await gone(row.pid)
    expect(await sweep([row], hasty)).toEqual([])
  })

  test('one that ends at SIGTERM leaves no grandchild behind', async () => {
    const seen = start(['grandchild'])
    const line = await seen.until((text) => text.includes('grandchild'))
    await seen.ready()
    const { pid, startTime } = seen.child
    expect(await sweep([{ pid, startTime }], hasty)).toEqual([{ pid, startTime }])
    await gone((JSON.parse(line) as { grandchild: number }).grandchild)
  })

  test('another process under the same pid is left alone', async () => {
    const seen = start(['echo'])
    await seen.ready()
    const { pid, startTime } = seen.child
    expect(startTime).toMatch(/^[0-9a-f-]{36}:\d+$/)
    const [boot = '', ticks = ''] = startTime.split(':')
    const others = [`${boot}:${Number(ticks) - 1}`, `${crypto.randomUUID()}:${ticks}`, '', ticks]
    expect(
      await sweep(
        others.map((other) => ({ pid, startTime: other })),
        hasty,
      ),
    ).toEqual([])
    expect(await runs(pid)).toBe(true)
    seen.child.send('{"id":1}')
    await seen.until((line) => line === '{"id":1}')
  })

  test('the broker itself, and pids that mean more than one process, are never signalled', async () => {
    const own = { pid: process.pid, startTime: findStartTime(process.pid) }
    const rows = [own, { pid: 1, startTime: findStartTime(1) }, { pid: 0, startTime: '' }]
    expect(await sweep(rows, hasty)).toEqual([])
  })

  test('a pid that nobody has, and a zombie, have no start time', async () => {
    const nobody = 2 ** 22 + 1
    expect(findStartTime(nobody)).toBe('')
    expect(await sweep([{ pid: nobody, startTime: '' }], hasty)).toEqual([])
    const parent = Bun.spawn(['/bin/sh', '-c', 'sleep 0 & echo $!; exec sleep 60'], {
      stdout: 'pipe',
    })
    try {
      const { value } = await parent.stdout.getReader().read()
      const pid = Number(new TextDecoder().decode(value))
      await gone(pid)
      expect(findStartTime(pid)).toBe('')
    } finally {
      parent.kill('SIGKILL')
      await parent.exited
    }
  })
})
