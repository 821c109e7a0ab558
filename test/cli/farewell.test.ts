import { describe, expect, test } from 'bun:test'
import { bowOut, createHealthWatch } from '../../src/cli/farewell.ts'
import { manualClock } from '../fixtures/clock.ts'

/** A broker whose steps of stopping are written down. */
function stage() {
  const clock = manualClock()
  const watch = createHealthWatch(clock)
  const steps: string[] = []
  const hurry = new AbortController()
  return {
    clock,
    watch,
    steps,
    hurry,
    bowOut: () =>
      bowOut({
        clock,
        watch,
        graceMs: 10_000,
        hurry: hurry.signal,
        listening: {
          address: '',
          close: async () => {},
          async drain() {
            steps.push('no connections')
          },
        },
        registry: {
          async stopAll(graceMs) {
            steps.push(`no children after ${graceMs}`)
          },
        },
      }),
  }
}

const DONE = ['no connections', 'no children after 10000']

describe('a broker that stops', () => {
  test('does so at once when nobody watches it', async () => {
    const { bowOut, steps, watch } = stage()
    watch.leaving()
    await bowOut()
    expect(steps).toEqual(DONE)
  })

  test('serves until whoever watches it knows', async () => {
    const { bowOut, clock, steps, watch } = stage()
    for (let n = 0; n < 3; n++) {
      expect(watch.leaving()).toBe(false)
      await clock.advance(100)
    }
    const done = bowOut()
    await clock.advance(90)
    expect(steps).toEqual([])
    expect(watch.leaving()).toBe(true)
    await clock.advance(49)
    expect(steps).toEqual([])
    await clock.advance(1)
    await done
    expect(steps).toEqual(DONE)
  })

  test('does not wait for long for one that no longer asks, nor for one that asked long ago', async () => {
    const { bowOut, clock, steps, watch } = stage()
    for (let n = 0; n < 3; n++) watch.leaving()
    const done = bowOut()
    await clock.advance(2_050)
    await done
    expect(steps).toEqual(DONE)

    const later = stage()
    for (let n = 0; n < 3; n++) later.watch.leaving()
    await later.clock.advance(2_001)
    await later.bowOut()
    expect(later.steps).toEqual(DONE)
  })

  test('in a hurry waits for nobody', async () => {
    const { bowOut, clock, hurry, steps, watch } = stage()
    for (let n = 0; n < 3; n++) watch.leaving()
    const done = bowOut()
    hurry.abort()
    await clock.advance(0)
    await done
    expect(steps).toContain('no children after 0')
  })
})
