import { afterEach, describe, expect, test } from 'bun:test'
import { type Clock, systemClock } from '../../src/clock.ts'
import { gone, runs, start, stopAll } from './harness.ts'

afterEach(stopAll)

const SHORT = { graceMs: 150 }

describe('how a child ends', () => {
  test('a crash at start is reported with its code and the line that says why', async () => {
    const seen = start(['crash', 'dial tcp: connection refused'])
    await seen.child.exited
    expect(seen.exit?.code).toBe(3)
    const last = seen.exit?.stderrTail.split('\n').at(-1)
    expect(last).toBe('ERROR\tconnection test failed: dial tcp: connection refused')
    expect(seen.exit?.stderrTail).not.toContain('main.go')
    expect(seen.child.send('{}')).toBe(false)
  })

  test('what its group says shortly after it is gone is still heard', async () => {
    const patient: Clock = { ...systemClock, after: (ms, fn) => systemClock.after(ms * 20, fn) }
    const seen = start(['late'], {}, { clock: patient })
    await seen.child.exited
    expect(seen.lines).toEqual(['{"late":1}'])
  })

  test('one that heeds the end of input gets no signal', async () => {
    const seen = start(['echo'])
    await seen.ready()
    await seen.child.stop()
    expect(seen.exit).toMatchObject({ code: 0, signal: null })
  })

  test('what was sent before the stop still arrives', async () => {
    const seen = start(['echo'])
    await seen.ready()
    seen.child.send('{"last":1}')
    await seen.child.stop()
    expect(seen.lines).toContain('{"last":1}')
    expect(seen.child.send('{"late":1}')).toBe(false)
  })

  test('one that is deaf to the end of input gets SIGTERM', async () => {
    const seen = start(['deaf'], {}, SHORT)
    await seen.ready()
    await seen.child.stop()
    expect(seen.exit).toMatchObject({ code: null, signal: 'SIGTERM' })
  })

  test('one that is deaf to SIGTERM too gets SIGKILL', async () => {
    const seen = start(['deaf', 'term'], {}, SHORT)
    await seen.ready()
    await seen.child.stop()
    expect(seen.exit).toMatchObject({ code: null, signal: 'SIGKILL' })
    expect(await runs(seen.child.pid)).toBe(false)
  })

  test('stopping is one thing however often it is asked, and the end is told once', async () => {
    const seen = start(['deaf', 'term'], {}, SHORT)
    await seen.ready()
    const first = seen.child.stop()
    expect(seen.child.stop()).toBe(first)
    await Promise.all([first, seen.child.stop(), seen.child.exited])
    await seen.child.stop()
    seen.child.kill()
    expect(seen.exits).toBe(1)
  })

  test('stopping one that ended by itself is nothing', async () => {
    const seen = start(['crash'])
    await seen.child.exited
    await seen.child.stop()
    expect(seen.exit?.code).toBe(3)
    expect(seen.exits).toBe(1)
  })

  test('its input stays open until nothing is in flight', async () => {
    const seen = start(['echo'])
    await seen.ready()
    let inFlight = 1
    const stopped = seen.child.stop({ drain: () => inFlight === 0 })
    await Bun.sleep(60)
    expect(seen.exit).toBeUndefined()
    expect(seen.child.send('{"still":1}')).toBe(true)
    await seen.until((line) => line === '{"still":1}')
    inFlight = 0
    await stopped
    expect(seen.exit).toMatchObject({ code: 0, signal: null })
  })

  test('what never drains does not hold the stop for ever, and a second stop does not wait for it', async () => {
    const patient = start(['echo'], {}, SHORT)
    const hurried = start(['echo'], {}, { graceMs: 600_000 })
    await Promise.all([patient.ready(), hurried.ready()])
    const slow = hurried.child.stop({ drain: () => false })
    await hurried.child.stop()
    await slow
    await patient.child.stop({ drain: () => false })
    expect(hurried.exit?.code).toBe(0)
    expect(patient.exit?.code).toBe(0)
  })

  test('a grandchild that ignores SIGTERM goes with the group', async () => {
    const seen = start(['grandchild'], {}, SHORT)
    const line = await seen.until((text) => text.includes('grandchild'))
    const { grandchild } = JSON.parse(line) as { grandchild: number }
    await seen.ready()
    expect(await runs(grandchild)).toBe(true)
    await seen.child.stop()
    await gone(grandchild)
    expect(seen.exit).toMatchObject({ code: 0 })
  })

  test('a grandchild that holds the output open does not delay the end, and is ended', async () => {
    const seen = start(['grandchild', 'exit'])
    await seen.child.exited
    const { grandchild } = JSON.parse(seen.lines[0] ?? '{}') as { grandchild: number }
    await gone(grandchild)
    expect(seen.exit).toMatchObject({ code: 0, signal: null })
  })

  test('kill ends it at once, and its whole group', async () => {
    const seen = start(['grandchild'])
    const line = await seen.until((text) => text.includes('grandchild'))
    seen.child.kill()
    seen.child.kill()
    await seen.child.exited
    await gone((JSON.parse(line) as { grandchild: number }).grandchild)
    expect(seen.exit).toMatchObject({ code: null, signal: 'SIGKILL' })
  })
})
