/** The fields of one server-sent event (HTML, "Server-sent events"). */
export interface SseEvent {
  /** `<stream>-<n>`: what a client sends back as `Last-Event-ID`. */
  id?: string
  event?: string
  /** Undefined writes no data line: such an event sets the id and is not dispatched. */
  data?: string
  /** Milliseconds after which the client should reconnect. */
  retryMs?: number
}

/** How often a silent stream says something: proxies close those that are silent for 30 s and more. */
export const KEEP_ALIVE_MS = 15_000

/** A comment: no client notices it, and it takes no id. */
export const renderKeepAlive = (): Uint8Array[] => [Buffer.from(': keep-alive\n\n')]

/** An event as the bytes of its parts; a large text is encoded once and not copied again. */
export function renderEvent({ id, event, data, retryMs }: SseEvent): Uint8Array[] {
  let head = ''
  if (event !== undefined) head += `event: ${event}\n`
  if (id !== undefined) head += `id: ${id}\n`
  if (retryMs !== undefined) head += `retry: ${retryMs}\n`
  if (data === undefined) return [Buffer.from(`${head}\n`)]
  return [Buffer.from(`${head}data: `), Buffer.from(dataLines(data)), Buffer.from('\n\n')]
}

/** A line break would end the field. In JSON it can only stand between tokens, so the client reads the same value. */
const dataLines = (data: string): string =>
  /[\r\n]/.test(data) ? data.replace(/\r\n|\r|\n/g, '\ndata: ') : data
