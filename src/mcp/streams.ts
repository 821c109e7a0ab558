/** The event streams of one session, as far as their numbering goes. */
export interface SessionStreams {
  /** Takes the number of a new stream. */
  next(): { stream: number }
  /** Gives an event of that stream its id: `<stream>-<n>`, with n counting up from 1 within the session. */
  record(stream: number, text: string): string
}

/**
 * The numbering of a session's streams and events.
 * @param from the stream number and event count to go on from
 */
export function createSessionStreams(from = { streams: 0, events: 0 }): SessionStreams {
  let { streams, events } = from
  return {
    next: () => ({ stream: ++streams }),
    record: (stream) => `${stream}-${++events}`,
  }
}
