/** An answer before it is sent: what is said, without the headers that every answer on its path bears. */
export interface Reply {
  readonly status: number
  readonly body: string | ReadableStream<Uint8Array> | null
  readonly headers?: Readonly<Record<string, string>>
}

type Fields = Readonly<Record<string, string>>

const NONE: Fields = {}

/** What was merged before, by the reply's headers and then by those of the path: most are constants. */
const merged = new WeakMap<Fields, WeakMap<Fields, Headers>>()

function merge(own: Fields, standing: Fields): Headers {
  let known = merged.get(own)
  if (!known) {
    known = new WeakMap()
    merged.set(own, known)
  }
  let headers = known.get(standing)
  if (!headers) {
    headers = new Headers({ ...own, ...standing })
    known.set(standing, headers)
  }
  return headers
}

/**
 * Makes the response of a reply and the headers of its path. They are given to it together and ready-made: a header
 * that is set afterwards costs more than the response.
 */
export const responseOf = (
  { status, body, headers = NONE }: Reply,
  standing: Fields = NONE,
): Response => new Response(body, { status, headers: merge(headers, standing) })
