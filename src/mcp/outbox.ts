import { type Cancel, type Clock, MINUTE_MS } from '../clock.ts'

/**
 * The most that waits for a slow reader, in bytes: a result of the largest line (32 MiB) and what was said before it.
 * A single larger event still passes when nothing else waits.
 */
export const MAX_QUEUED_BYTES = 40 * 1024 * 1024

/** How long a reader may take nothing while something waits. */
const STALL_MS = MINUTE_MS

/** The most that is handed over at a time, in bytes: a slow reader is seen to move. */
const CHUNK_BYTES = 256 * 1024

/** Parts already handed over that may stay at the head of the queue before it is cut. */
const MAX_SPENT_PARTS = 4096

/** A byte stream with a bounded queue, read at the reader's pace. */
export interface Outbox {
  readonly body: ReadableStream<Uint8Array>
  /** Queues parts; false when the stream is over, or is dropped now because the reader is too slow. */
  push(parts: readonly Uint8Array[]): boolean
  /** Ends the stream once everything queued was read. */
  end(): void
  /** Ends the stream now: what is queued is thrown away and the connection is reset. */
  drop(): void
  readonly empty: boolean
}

/** How a stream came to its end: everything was read, or its reader went away or was dropped. */
export type Left = 'read' | 'lost'

/**
 * @param left called once
 * @param maxBytes the bound of the queue
 */
export function createOutbox(
  clock: Clock,
  left: (how: Left) => void,
  maxBytes = MAX_QUEUED_BYTES,
): Outbox {
  let queue: Uint8Array[] = []
  let head = 0
  let queuedBytes = 0
  let ended = false
  let over = false
  let wake: (() => void) | undefined
  let stallTimer: Cancel = () => {}
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined

  const settle = (): void => {
    over = true
    queue = []
    head = 0
    queuedBytes = 0
    stallTimer()
    wake?.()
  }

  const drop = (): void => {
    if (over) return
    settle()
    controller?.error(new Error('the reader of the stream is too slow or gone'))
    left('lost')
  }

  const watch = (): void => {
    stallTimer()
    if (!over && (queuedBytes > 0 || ended)) stallTimer = clock.after(STALL_MS, drop)
  }

  /** The next bytes: small parts together, a large one in slices. */
  const take = (): Uint8Array => {
    const parts: Uint8Array[] = []
    let room = CHUNK_BYTES
    for (let part = queue[head]; part !== undefined && room > 0; part = queue[head]) {
      parts.push(part.subarray(0, room))
      if (part.length > room) queue[head] = part.subarray(room)
      else head++
      room -= Math.min(part.length, room)
    }
    if (head === queue.length || head > MAX_SPENT_PARTS) {
      queue = queue.slice(head)
      head = 0
    }
    queuedBytes -= CHUNK_BYTES - room
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
  }

  const deliver = (to: ReadableStreamDefaultController<Uint8Array>): void => {
    if (queuedBytes > 0) {
      to.enqueue(take())
      watch()
    } else if (ended) {
      settle()
      to.close()
      left('read')
    }
  }

  const body = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given
      },
      async pull(given) {
        while (queuedBytes === 0 && !ended && !over) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
        if (!over) deliver(given)
      },
      cancel() {
        if (over) return
        settle()
        left('lost')
      },
    },
    { highWaterMark: 0 },
  )

  return {
    body,
    push(parts) {
      if (over || ended) return false
      const bytes = parts.reduce((sum, part) => sum + part.length, 0)
      if (queuedBytes > 0 && queuedBytes + bytes > maxBytes) {
        drop()
        return false
      }
      const wasEmpty = queuedBytes === 0
      queue.push(...parts.filter((part) => part.length > 0))
      queuedBytes += bytes
      if (wasEmpty) watch()
      wake?.()
      return true
    },
    end() {
      if (over || ended) return
      ended = true
      if (queuedBytes === 0) watch()
      wake?.()
    },
    drop,
    get empty() {
      return queuedBytes === 0
    },
  }
}

/** A body of these bytes that is given up when its reader takes nothing for a minute. */
export function createPacedBody(clock: Clock, bytes: Uint8Array): ReadableStream<Uint8Array> {
  const outbox = createOutbox(clock, () => {})
  outbox.push([bytes])
  outbox.end()
  return outbox.body
}
