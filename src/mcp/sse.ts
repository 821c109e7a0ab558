/** The fields of one server-sent event (HTML, "Server-sent events"). */
export interface SseEvent {
  /** See eventId. */
  id?: string
  event?: string
  /** Undefined writes no data line: such an event sets the id and is not dispatched. */
  data?: string
  /** Milliseconds after which the client should reconnect. */
  retryMs?: number
}

/** An event's place: the stream's number, and the event's within the session. */
export interface EventPlace {
  stream: number
  n: number
}

/** How often a silent stream says something: proxies close those that are silent for 30 s and more. */
export const KEEP_ALIVE_MS = 15_000

/** Up to this length an event is written in one piece, in UTF-16 units. */
const SMALL_TEXT = 16 * 1024

/** No session comes to more events; what claims more is no id of ours. */
const MAX_EVENTS = 2 ** 40

/** A comment: no client notices it, and it takes no id. */
export const renderKeepAlive = (): Uint8Array[] => [Buffer.from(': keep-alive\n\n')]

/** What a client sends back as `Last-Event-ID`. */
export const eventId = ({ stream, n }: EventPlace): string => `${stream}-${n}`

/** Reads a `Last-Event-ID`; undefined for what is none of ours. */
export function readEventId(text: string): EventPlace | undefined {
  const [, stream, n] = /^(\d{1,15})-(\d{1,15})$/.exec(text.trim()) ?? []
  const place = { stream: Number(stream), n: Number(n) }
  return place.n <= MAX_EVENTS && place.stream <= MAX_EVENTS ? place : undefined
}

/** An event as the bytes of its parts; a large text is encoded once and not copied again. */
export function renderEvent({ id, event, data, retryMs }: SseEvent): Uint8Array[] {
  let head = ''
  if (event !== undefined) head += `event: ${event}\n`
  if (id !== undefined) head += `id: ${id}\n`
  if (retryMs !== undefined) head += `retry: ${retryMs}\n`
  if (data === undefined) return [Buffer.from(`${head}\n`)]
  const lines = dataLines(data)
  if (lines.length <= SMALL_TEXT) return [Buffer.from(`${head}data: ${lines}\n\n`)]
  return [Buffer.from(`${head}data: `), Buffer.from(lines), Buffer.from('\n\n')]
}

/** A line break would end the field. In JSON it can only stand between tokens, so the client reads the same value. */
const dataLines = (data: string): string =>
  /[\r\n]/.test(data) ? data.replace(/\r\n|\r|\n/g, '\ndata: ') : data
