import { expect, test } from 'bun:test'
import type { FileSink } from 'bun'
import { createInput, MAX_QUEUED_BYTES } from '../../src/child/input.ts'

/** A pipe that records what is written; `answer` is what a write comes to. */
function pipe(answer: (text: string) => unknown = (text) => text.length) {
  const writes: string[] = []
  let ended = 0
  const sink = {
    write(text: string) {
      writes.push(text)
      return answer(text)
    },
    end() {
      ended++
    },
  }
  let broke = 0
  const input = createInput(sink as unknown as FileSink, () => {
    broke++
    // Whoever hears of it stops the child.
    input.close()
  })
  return { input, writes, ended: () => ended, broke: () => broke }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('the first line of all goes at once; then those of one turn of the event loop together, in order', async () => {
  const { input, writes } = pipe()
  for (const line of ['a', 'b', 'ü']) expect(input.send(line)).toBe(true)
  expect(writes).toEqual(['a\n'])
  await turn()
  expect(writes).toEqual(['a\n', 'b\nü\n'])
  input.send('c')
  await turn()
  expect(writes).toEqual(['a\n', 'b\nü\n', 'c\n'])
})

test('what was taken goes out before the input is closed', () => {
  const { input, writes, ended } = pipe()
  input.send('first')
  input.send('last')
  input.close()
  input.close()
  expect(writes).toEqual(['first\n', 'last\n'])
  expect(ended()).toBe(1)
  expect(input.send('late')).toBe(false)
})

test('the cap counts what is gathered and what the pipe has not taken', async () => {
  const written = Promise.withResolvers<number>()
  const { input } = pipe(() => written.promise)
  const half = 'x'.repeat(MAX_QUEUED_BYTES / 2)
  expect(input.send(half)).toBe(true)
  expect(input.send(half)).toBe(false)
  await turn()
  expect(input.send(half)).toBe(false)
  expect(input.send('small')).toBe(true)
  written.resolve(1)
  await turn()
  await turn()
  expect(input.send(half)).toBe(true)
})

test('a pipe that throws, breaks or rejects takes nothing more', async () => {
  const broken = [
    () => {
      throw new Error('EPIPE')
    },
    () => true,
    () => Promise.reject(new Error('EPIPE')),
  ]
  for (const answer of broken) {
    const { input, broke, ended } = pipe(answer)
    input.send('a')
    await turn()
    await turn()
    expect(input.send('b')).toBe(false)
    expect([broke(), ended()]).toEqual([1, 1])
    const later = pipe((text) => (text === 'a\n' ? 1 : answer()))
    expect(later.input.send('a')).toBe(true)
    expect(later.input.send('b')).toBe(true)
    await turn()
    await turn()
    expect(later.input.send('c')).toBe(false)
  }
})

test('a pipe that breaks while more was gathered is said to be broken once', async () => {
  const written = Promise.withResolvers<number>()
  const { input, broke, ended } = pipe(() => written.promise)
  input.send('first')
  written.reject(new Error('EPIPE'))
  input.send('second')
  await turn()
  await turn()
  expect([broke(), ended()]).toEqual([1, 1])
})

test('an input that was closed does not break', () => {
  const { input, broke, ended } = pipe()
  input.close()
  expect(input.send('late')).toBe(false)
  expect([broke(), ended()]).toEqual([0, 1])
})
