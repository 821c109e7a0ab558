import type { Flight } from './flight.ts'
import { SILENCE_MS } from './forward.ts'

/**
 * Hands a body of Forgejo's on as it is pulled, so that a slow child slows Forgejo down and nothing piles up here.
 * The flight lands with its last byte. When the child goes away a read is aborted, a write runs to its end unread.
 * @param onLeave what to do when the child goes away first
 */
export function streamBody(
  flight: Flight,
  body: ReadableStream<Uint8Array>,
  onLeave: 'abort' | 'drain',
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const next = async () => {
    flight.expect(SILENCE_MS)
    try {
      const chunk = await reader.read()
      if (chunk.done) flight.land()
      return chunk
    } catch (error) {
      flight.land()
      throw error
    } finally {
      flight.relax()
    }
  }
  const drain = async () => {
    try {
      while (!(await next()).done);
    } catch {
      // Nobody is left to tell.
    }
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await next()
        if (chunk.done) controller.close()
        else controller.enqueue(chunk.value)
      },
      cancel() {
        if (onLeave === 'abort') flight.abort('child-gone')
        else void drain()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Lets go of a body that nobody wants; one that broke off already is no matter. */
export async function dropBody(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {})
}

export interface Held {
  bytes: Uint8Array<ArrayBuffer>
  /** The body was longer than the cap: these are its first bytes. */
  cut: boolean
}

/** Reads a body of at most `cap` bytes into memory; the rest is not read. Undefined when it broke off. */
export async function holdBody(
  flight: Flight,
  response: Response,
  cap: number,
): Promise<Held | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  try {
    while (reader) {
      flight.expect(SILENCE_MS)
      const chunk = await reader.read()
      if (chunk.done) break
      parts.push(chunk.value)
      length += chunk.value.length
      if (length <= cap) continue
      await reader.cancel()
      return { bytes: Buffer.concat(parts).subarray(0, cap), cut: true }
    }
    return { bytes: Buffer.concat(parts), cut: false }
  } catch {
    return undefined
  } finally {
    flight.relax()
  }
}
