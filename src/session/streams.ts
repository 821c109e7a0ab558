import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { allowsPriming } from '../mcp/era.ts'
import type { Allowance } from '../mcp/ring.ts'
import { elements } from '../mcp/scan.ts'
import type { StreamLedger } from '../mcp/stream.ts'
import { createSessionStreams, type SessionStreams } from '../mcp/streams.ts'
import type { Store } from '../store/open.ts'
import type { SessionRow } from '../store/sessions.ts'

/** Stream numbers taken from the row at a time, so that they rise across restarts without a write for each. */
const STREAMS_RESERVED = 64

/** Ids that are longer together than this are not written down, in UTF-16 units: a client chooses them freely. */
const MAX_IDS_LENGTH = 4096

export interface RowStreamsDeps {
  store: Pick<Store, 'exchanges'>
  clock: Clock
  log: Log
  /** What the streams of all sessions may keep. */
  allowance: Allowance
  /** Called when the row's `nextStream` has gone up: it is written before the numbers below it are used. */
  reserved(): void
}

/** The streams of a session, numbered and written down in its rows. */
export function createRowStreams(row: SessionRow, deps: RowStreamsDeps): SessionStreams {
  const { allowance, clock, log } = deps
  let next = row.nextStream

  /** A store that takes no write now costs a client at most what it could have resumed after a restart. */
  const written = (what: string, write: () => void): void => {
    try {
      write()
    } catch (error) {
      log.warn('event stream could not be written', { what, error })
    }
  }

  return createSessionStreams({
    clock,
    allowance,
    primed: allowsPriming(row.protocolVersion),
    ledger: createLedger(row, deps, written),
    nextNumber() {
      if (next >= row.nextStream) {
        row.nextStream = next + STREAMS_RESERVED
        written('numbers', deps.reserved)
      }
      return next++
    },
  })
}

function createLedger(
  { idHash }: SessionRow,
  { clock, store: { exchanges } }: RowStreamsDeps,
  written: (what: string, write: () => void) => void,
): StreamLedger {
  return {
    opened(stream, ids) {
      const requestId = ids === undefined ? null : idsText(ids)
      if (requestId !== null && requestId.length > MAX_IDS_LENGTH) return
      written('opened', () =>
        exchanges.add(clock.now(), { sessionHash: idHash, stream, requestId }),
      )
    },
    closed: (stream) => written('closed', () => exchanges.remove(idHash, stream)),
    find(stream) {
      const row = exchanges.get(idHash, stream)
      return row && { ids: row.requestId === null ? undefined : idsOf(row.requestId) }
    },
  }
}

/** The id of a request as its client wrote it, or those of a batch as an array: no id is one. */
const idsText = (ids: readonly string[]): string =>
  ids.length === 1 ? ids.join() : `[${ids.join(',')}]`

const idsOf = (text: string): string[] =>
  text.startsWith('[') ? elements(text, 0).map(({ start, end }) => text.slice(start, end)) : [text]
