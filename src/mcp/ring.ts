/** Events that one session keeps for clients that come back. */
export const RING_EVENTS = 256

/** The same in bytes: an answer of 16 MiB stays replayable; an event that is larger than all of this is not kept. */
export const RING_BYTES = 20 * 1024 * 1024

/** What all sessions together keep, in bytes. */
export const ALL_RINGS_BYTES = 96 * 1024 * 1024

/** An event as it went over the wire. */
export interface Kept {
  readonly stream: number
  readonly n: number
  readonly parts: readonly Uint8Array[]
}

/** The last events of one session, over all its streams; the oldest go first. */
export interface Ring {
  add(event: Kept): void
  /** The kept events of a stream that come after number `n`, in their order. */
  after(stream: number, n: number): Kept[]
  /** Lets go of a stream's events, without a word. */
  forget(stream: number): void
}

/** What several rings may keep together. Beyond it the one that keeps most gives up its oldest events. */
export interface Allowance {
  /**
   * Notes how many bytes a ring keeps now.
   * @param shed makes the ring give up at least that many bytes, as far as it has them, and note what is left
   */
  note(ring: object, bytes: number, shed: (bytes: number) => void): void
}

/** @param maxBytes what all rings may keep together */
export function createAllowance(maxBytes = ALL_RINGS_BYTES): Allowance {
  const rings = new Map<object, { bytes: number; shed: (bytes: number) => void }>()
  let total = 0
  let shedding = false

  const fattest = () =>
    [...rings.values()].reduce((most, ring) => (ring.bytes > most.bytes ? ring : most))

  return {
    note(ring, bytes, shed) {
      total += bytes - (rings.get(ring)?.bytes ?? 0)
      if (bytes === 0) rings.delete(ring)
      else rings.set(ring, { bytes, shed })
      if (shedding) return
      shedding = true
      while (total > maxBytes) fattest().shed(total - maxBytes)
      shedding = false
    },
  }
}

const sizeOf = ({ parts }: Kept): number => parts.reduce((sum, part) => sum + part.length, 0)

/** @param evicted called with each event that had to make room for another, or for which there never was any */
export function createRing(allowance: Allowance, evicted: (event: Kept) => void): Ring {
  const self = {}
  let events: Kept[] = []
  let bytes = 0

  const note = () => allowance.note(self, bytes, shed)

  function evictOldest(): number {
    const oldest = events.shift()
    if (oldest === undefined) return 0
    const size = sizeOf(oldest)
    bytes -= size
    evicted(oldest)
    return size
  }

  function shed(wanted: number): void {
    let freed = 0
    while (freed < wanted && events.length > 0) freed += evictOldest()
    note()
  }

  return {
    add(event) {
      const size = sizeOf(event)
      if (size > RING_BYTES) {
        evicted(event)
        return
      }
      while (events.length >= RING_EVENTS || bytes + size > RING_BYTES) evictOldest()
      events.push(event)
      bytes += size
      note()
    },
    after: (stream, n) => events.filter((event) => event.stream === stream && event.n > n),
    forget(stream) {
      events = events.filter((event) => event.stream !== stream)
      bytes = events.reduce((sum, event) => sum + sizeOf(event), 0)
      note()
    },
  }
}
