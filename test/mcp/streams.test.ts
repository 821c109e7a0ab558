import { beforeEach, describe, expect, test } from 'bun:test'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import type { Reader } from '../../src/mcp/reader.ts'
import { KEPT_UNREAD_MS, MAX_LISTENERS, MAX_READERS } from '../../src/mcp/streams.ts'
import { type ManualClock, manualClock } from '../fixtures/clock.ts'
import { HOLDER, memoryStreams, watch } from './streams-harness.ts'

let clock: ManualClock
let rows: Map<number, readonly string[] | undefined>
let streams: ReturnType<typeof memoryStreams>['streams']

beforeEach(() => {
  clock = manualClock()
  ;({ streams, rows } = memoryStreams(clock))
})

/** What a client that comes back gets, as far as it is there now. */
const resume = (lastEventId: string) => {
  const reader = streams.resume(lastEventId, HOLDER)
  return reader && watch(reader)
}
const listen = () => watch(streams.listen(HOLDER))
const answer = (n: number | string, text = 'done') => `{"id":${n},"result":"${text}"}`

describe('a stream that listens', () => {
  test('is primed, gets what belongs to no call, and is closed after an hour', async () => {
    const heard = listen()
    expect(streams.tell('a')).toBe(true)
    await clock.advance(HOUR_MS - 1)
    expect(await heard.events()).toMatchObject([
      { id: '1-1', retry: '1000', data: '' },
      { id: '1-2', event: 'message', data: 'a' },
    ])
    expect(heard.state).toBe('open')
    await clock.advance(1)
    expect(heard.state).toBe('closed')
    expect(clock.pending).toBe(0)
  })

  test('goes on where it stopped, with what was said meanwhile', async () => {
    listen()
    streams.tell('a')
    await clock.advance(HOUR_MS)
    expect(streams.tell('b')).toBe(false)
    expect(streams.keep('b')).toBe(true)
    const again = resume('1-2')
    streams.tell('c')
    expect(await again?.events()).toMatchObject([
      { id: '1-2', data: '' },
      { id: '1-3', data: 'b' },
      { id: '1-4', data: 'c' },
    ])
  })

  test('is kept alive by comments without an id, as long as it is quiet', async () => {
    const heard = listen()
    await clock.advance(15 * SECOND_MS)
    await clock.advance(15 * SECOND_MS)
    expect(heard.text.match(/^: keep-alive$/gm)).toHaveLength(2)
    expect(await heard.events()).toHaveLength(1)
  })

  test('gets a message only when it is the newest; the next one takes over when it is gone', async () => {
    const [first, second] = [listen(), listen()]
    streams.tell('a')
    await clock.settle()
    second.leave()
    streams.tell('b')
    const third = listen()
    streams.tell('c')
    const said = async (one: typeof first) => (await one.events()).slice(1).map(({ data }) => data)
    expect([await said(first), await said(second), await said(third)]).toEqual([
      ['b'],
      ['a'],
      ['c'],
    ])
  })

  test('is one of a few: another one takes the place of the oldest', async () => {
    const all = Array.from({ length: MAX_LISTENERS + 1 }, listen)
    await clock.settle()
    expect(all.map(({ state }) => state)).toEqual(['broken', ...Array(MAX_LISTENERS).fill('open')])
  })

  test('is forgotten when its client stays away, but can still be gone on with', async () => {
    const heard = listen()
    streams.tell('a')
    heard.leave()
    await clock.advance(KEPT_UNREAD_MS - 1)
    expect(streams.tidy()).toBe(true)
    await clock.advance(1)
    expect(streams.tidy()).toBe(false)
    expect(streams.keep('b')).toBe(false)
    const again = resume('1-2')
    streams.tell('c')
    expect((await again?.events())?.map(({ data }) => data)).toEqual(['', 'c'])
  })
})

describe('the stream of a call', () => {
  test('that was read to its end has nothing more to tell', async () => {
    const call = streams.open(['7'], HOLDER)
    const heard = watch(call.reader)
    call.say('progress')
    call.answer('7', answer(7))
    call.end()
    await clock.settle()
    expect(heard.state).toBe('closed')
    expect(rows.size).toBe(0)
    expect(resume('1-3')).toBeUndefined()
    expect(clock.pending).toBe(0)
  })

  test('replays what was missed on it and nothing else, then goes on', async () => {
    const [call, other] = [streams.open(['1'], HOLDER), streams.open(['1'], HOLDER)]
    const heard = watch(call.reader)
    call.say('a')
    other.say('x')
    await clock.settle()
    heard.leave()
    call.say('b')
    other.say('y')
    const again = resume('1-3')
    call.say('c')
    call.answer('1', answer(1))
    call.end()
    expect((await again?.events())?.map(({ data }) => data)).toEqual(['', 'b', 'c', answer(1)])
    await clock.settle()
    expect(again?.state).toBe('closed')
    expect([...rows.keys()]).toEqual([2])
  })

  test('is told what fell out of the ring, once, counted on that stream', async () => {
    const [call, other] = [streams.open(['1'], HOLDER), streams.open(['1'], HOLDER)]
    call.reader.drop()
    other.reader.drop()
    for (let i = 0; i < 300; i++) {
      call.say(`call ${i}`)
      if (i % 3 === 0) other.say(`other ${i}`)
    }
    call.answer('1', answer(1))
    call.end()
    const events = (await resume('1-1')?.events()) ?? []
    const kept = events.filter(({ event }) => event === 'message')
    expect(events[1]).toEqual({
      event: 'lagged',
      data: JSON.stringify({ dropped: 301 - kept.length }),
    })
    expect(events.filter(({ event }) => event === 'lagged')).toHaveLength(1)
    expect(kept.at(-1)?.data).toBe(answer(1))
    expect(kept.every(({ id, data }) => id?.startsWith('1-') && !data.startsWith('other'))).toBe(
      true,
    )
    // Coming back from there the client has lost nothing.
    const [{ id = '' } = {}] = kept
    expect((await resume(id)?.events())?.map(({ event }) => event)).not.toContain('lagged')
  })

  test('whose answer is larger than what is kept says so instead of nothing', async () => {
    const call = streams.open(['"big"'], HOLDER)
    call.reader.drop()
    call.say('a')
    call.answer('"big"', answer('"big"', 'x'.repeat(21 * 1024 * 1024)))
    call.end()
    const events = (await resume('1-1')?.events()) ?? []
    expect(events.map(({ event }) => event)).toEqual([undefined, 'lagged', 'message', 'message'])
    expect(JSON.parse(events[3]?.data ?? '')).toMatchObject({
      id: 'big',
      error: { code: -32603, data: { reason: 'answer-lost' } },
    })
    await clock.settle()
    expect(rows.size).toBe(0)
    expect(resume(events[3]?.id ?? '')).toBeUndefined()
  })

  test('of 16 MiB is there for a client that comes back', async () => {
    const call = streams.open(['1'], HOLDER)
    call.reader.drop()
    const large = answer(1, 'x'.repeat(16 * 1024 * 1024))
    call.answer('1', large)
    call.end()
    expect((await resume('1-1')?.events())?.at(-1)?.data).toBe(large)
  })

  test('is written to everyone who reads it: nobody takes it from another, and nobody for ever', async () => {
    const call = streams.open(['1'], HOLDER)
    const all = [watch(call.reader), ...Array.from({ length: MAX_READERS }, () => resume('1-1'))]
    call.say('a')
    await clock.settle()
    expect(all.map((one) => one?.state)).toEqual(['broken', ...Array(MAX_READERS).fill('open')])
    call.answer('1', answer(1))
    call.end()
    for (const one of all.slice(1))
      expect((await one?.events())?.map(({ data }) => data)).toEqual(['', 'a', answer(1)])
    expect(clock.pending).toBe(0)
  })

  test('stays as long as the call is open, and five minutes for its answer', async () => {
    const call = streams.open(['1'], HOLDER)
    call.reader.drop()
    await clock.advance(HOUR_MS)
    expect(streams.tidy()).toBe(true)
    call.answer('1', answer(1))
    call.end()
    await clock.advance(KEPT_UNREAD_MS - MINUTE_MS)
    expect(streams.tidy()).toBe(true)
    await clock.advance(MINUTE_MS)
    expect(streams.tidy()).toBe(false)
    const late = (await resume('1-1')?.events())?.at(-1)
    expect(JSON.parse(late?.data ?? '')).toMatchObject({
      id: 1,
      error: { data: { reason: 'answer-lost' } },
    })
  })

  test('whose reader stops is dropped after a minute and can be gone on with', async () => {
    const call = streams.open(['1'], HOLDER)
    call.say('a')
    await clock.advance(MINUTE_MS)
    expect(await watch(call.reader).events()).toEqual([])
    expect(clock.pending).toBe(0)
    expect((await resume('1-1')?.events())?.map(({ data }) => data)).toEqual(['', 'a'])
  })
})

describe('after a restart', () => {
  test('each call that was open gets its own error, once it was read', async () => {
    const call = streams.open(['1', '"two"', '12345678901234567890'], HOLDER)
    call.say('a')
    ;({ streams } = memoryStreams(clock, { rows }))
    for (const round of [1, 2]) {
      const reader = streams.resume('1-2', HOLDER)
      if (round === 1) reader?.drop()
      else {
        const events = (await watch(reader as Reader).events()).slice(1)
        expect(events.map(({ data }) => /"id":([^,]*)/.exec(data)?.[1])).toEqual([
          '1',
          '"two"',
          '12345678901234567890',
        ])
        expect(events.map(({ id }) => id)).toEqual(['1-3', '1-4', '1-5'])
        expect(events[0]?.data).toContain('"data":{"reason":"answer-lost"}')
      }
    }
    await clock.settle()
    expect(rows.size).toBe(0)
    expect(resume('1-5')).toBeUndefined()
  })

  test('one that listened goes on, and new ones have higher numbers', async () => {
    listen()
    streams.tell('a')
    ;({ streams } = memoryStreams(clock, { rows }))
    const again = resume('1-2')
    const fresh = listen()
    streams.tell('b')
    expect((await again?.events())?.map(({ id }) => id)).toEqual(['1-2'])
    expect((await fresh.events()).map(({ id }) => id)).toEqual(['2-3', '2-4'])
  })

  test('a stream that was read to its end is over', async () => {
    const call = streams.open(['1'], HOLDER)
    const heard = watch(call.reader)
    call.answer('1', answer(1))
    call.end()
    await clock.settle()
    expect(heard.state).toBe('closed')
    ;({ streams } = memoryStreams(clock, { rows }))
    expect(resume('1-1')).toBeUndefined()
  })
})

describe('an event id', () => {
  test.each([
    '',
    '1',
    '1-',
    '-1',
    'a-b',
    '2-1',
    '1-1-1',
    '0-0',
    '999999999999999-1',
    '1-999999999999999',
  ])('%p that is none of ours has nothing to tell', (id) => {
    const call = streams.open(['1'], HOLDER)
    call.say('a')
    expect(streams.resume(id, HOLDER)).toBeUndefined()
  })
})

describe('the end', () => {
  test('of a login resets its connections and no other', async () => {
    const mine = listen()
    const theirs = watch(streams.listen({ familyId: 'other' }))
    const call = streams.open(['1'], HOLDER)
    const heard = watch(call.reader)
    await clock.settle()
    streams.cut(HOLDER)
    await clock.settle()
    expect([mine.state, theirs.state, heard.state]).toEqual(['broken', 'open', 'broken'])
    call.say('not for them')
    expect(await heard.events()).toHaveLength(1)
  })

  test('of the session closes every connection once it was read, and keeps nothing', async () => {
    const call = streams.open(['1'], HOLDER)
    const [heard, quiet] = [watch(call.reader), listen()]
    call.answer('1', answer(1))
    call.end()
    const open = streams.open(['2'], HOLDER)
    const other = watch(open.reader)
    streams.close()
    open.say('too late')
    await clock.settle()
    expect([heard.state, quiet.state, other.state]).toEqual(['closed', 'closed', 'closed'])
    expect((await heard.events()).at(-1)?.data).toBe(answer(1))
    expect(streams.tidy()).toBe(false)
    const late = listen()
    await clock.settle()
    expect([late.state, (await late.events()).length]).toEqual(['closed', 1])
    expect(clock.pending).toBe(0)
    // Another process may be asked for those that were still open.
    expect([...rows]).toEqual([
      [2, undefined],
      [3, ['2']],
      [4, undefined],
    ])
  })
})
