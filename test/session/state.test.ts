import { describe, expect, test } from 'bun:test'
import { next, type SeatEvent, type SeatState } from '../../src/session/state.ts'

type State = SeatState<string>
type Event = SeatEvent<string>

const asleep: State = { phase: 'asleep' }
const waking: State = { phase: 'waking', outdated: false }
const awake: State = { phase: 'awake', child: 'old' }
const replacing: State = { phase: 'replacing', child: 'old', outdated: false }
const closed: State = { phase: 'closed', reason: 'done' }
const STATES = [asleep, waking, awake, replacing, closed]

const wake: Event = { event: 'wake' }
const replace: Event = { event: 'replace' }
const started: Event = { event: 'started', child: 'new' }
const startFailed: Event = { event: 'start-failed' }
const exited: Event = { event: 'exited', child: 'old' }
const otherExited: Event = { event: 'exited', child: 'older' }
const sleep: Event = { event: 'sleep' }
const close: Event = { event: 'close', reason: 'done' }
const EVENTS = [wake, replace, started, startFailed, exited, otherExited, sleep, close]

/** Every arrow there is; what is not here changes nothing. */
const ARROWS: [string, State, Event, State][] = [
  ['a sleeping seat wakes', asleep, wake, waking],
  ['a wake comes to a child', waking, started, { phase: 'awake', child: 'new' }],
  ['a wake fails', waking, startFailed, asleep],
  ['a child is overtaken before it is ready', waking, replace, { ...waking, outdated: true }],
  ['an awake seat sleeps', awake, sleep, asleep],
  ['the current child ends', awake, exited, asleep],
  ['a successor is started', awake, replace, replacing],
  ['a successor takes over', replacing, started, { phase: 'awake', child: 'new' }],
  ['a successor fails and the old child goes on', replacing, startFailed, awake],
  ['the old child ends before its successor is ready', replacing, exited, waking],
  ['a successor is overtaken', replacing, replace, { ...replacing, outdated: true }],
  ['a sleeping seat is closed', asleep, close, closed],
  ['a waking seat is closed', waking, close, closed],
  ['an awake seat is closed', awake, close, closed],
  ['a seat is closed amid a hand-over', replacing, close, closed],
]

describe('the seat', () => {
  for (const [name, from, event, to] of ARROWS) {
    test(name, () => {
      expect(next(from, event)).toEqual({ state: to })
    })
  }

  test('changes nothing for any other event, and says why', () => {
    for (const state of STATES) {
      for (const event of EVENTS) {
        if (ARROWS.some(([, from, what]) => from === state && what === event)) continue
        const step = next(state, event)
        expect(step.state).toBe(state)
        expect(step.refused).toBeString()
      }
    }
  })

  test('is closed for good', () => {
    for (const event of EVENTS) expect(next(closed, event).state).toBe(closed)
  })

  test('never forgets that a successor was overtaken, even when the old child ends', () => {
    const overtaken = next(replacing, replace).state
    expect(next(overtaken, exited).state).toEqual({ phase: 'waking', outdated: true })
  })
})
