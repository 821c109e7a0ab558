import { createGaps, type Gaps } from './gaps.ts'
import type { Holder, Reader } from './reader.ts'

/** One event stream of a session: of a POST that is answered by it, or of a GET that listens. */
export interface EventStream {
  readonly number: number
  /** JSON sources of the ids of the calls that it answers; undefined for one that listens. */
  readonly ids: readonly string[] | undefined
  /** The number of its last event. */
  last: number
  /** Which event answers which call. */
  answers: { idText: string; n: number }[]
  /** Events that nobody can be sent again. */
  readonly gaps: Gaps
  /** How many of its events the ring holds. */
  kept: number
  /** Nothing more will be said on it. */
  ended: boolean
  /** Every connection that it is written to; usually one. */
  readonly readers: Reader[]
  /** Since when nobody reads it, epoch ms. */
  idleSince: number
  /** Rises with every connection of the session: the newest listener has the highest. */
  arrived: number
}

/** Writes down which streams may be resumed, for when memory no longer knows them. It must not throw. */
export interface StreamLedger {
  /** @param ids JSON sources of the ids of the calls that the stream answers; undefined when it listens */
  opened(stream: number, ids: readonly string[] | undefined): void
  /** The client has read everything. */
  closed(stream: number): void
  find(stream: number): { ids: readonly string[] | undefined } | undefined
}

export interface StreamStart {
  number: number
  ids: readonly string[] | undefined
  /** The number of the last event that is known of it. */
  last: number
  now: number
}

/** A stream that nobody reads yet. */
export const newStream = ({ number, ids, last, now }: StreamStart): EventStream => ({
  number,
  ids,
  last,
  answers: [],
  gaps: createGaps(),
  kept: 0,
  ended: false,
  readers: [],
  idleSince: now,
  arrived: 0,
})

/** Whether a stream waits for messages that belong to no call. */
export const listens = ({ ids, ended }: EventStream): boolean => ids === undefined && !ended

/** Whether somebody is connected to a stream. */
export const isRead = ({ readers }: EventStream): boolean => readers.length > 0

/** Resets every connection, or those of one login. */
export function dropReaders({ readers }: EventStream, holder?: Holder): void {
  for (const reader of [...readers])
    if (!holder || reader.familyId === holder.familyId) reader.drop()
}

/** Closes every connection once everything was read. */
export function endReaders({ readers }: EventStream): void {
  for (const reader of [...readers]) reader.end()
}
