import { err, ok, type Result, type Soon } from '../result.ts'

/**
 * The path of a request as it was sent, undecoded. Bun leaves only the path in `request.url` when the Host header is
 * unusable or missing, so nothing here parses it as a URL.
 */
export function pathOf(request: Request): string {
  const target = request.url
  const start = target.startsWith('/') ? 0 : target.indexOf('/', target.indexOf('://') + 3)
  if (start < 0) return '/'
  const end = target.slice(start).search(/[?#]/)
  return end < 0 ? target.slice(start) : target.slice(start, start + end)
}

/** The query of a request, repeated keys and all. */
export function queryOf(request: Request): URLSearchParams {
  const [target = ''] = request.url.split('#', 1)
  const mark = target.indexOf('?')
  return new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
}

/** The media type of a request's body in lower case, without parameters. */
export const mediaTypeOf = (request: Request): string =>
  (request.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''

/** Reads a body of at most `maxBytes`; a longer one is not read to its end. */
export function readBody(
  request: Request,
  maxBytes: number,
): Soon<Result<Uint8Array, 'too-large'>> {
  const announced = request.headers.get('content-length')
  if (announced === null) return readChunks(request, maxBytes)
  // What the header says is all that there is to read; a stream would cost more than the whole request.
  return Number(announced) > maxBytes ? err('too-large') : request.bytes().then(ok)
}

async function readChunks(
  request: Request,
  maxBytes: number,
): Promise<Result<Uint8Array, 'too-large'>> {
  if (!request.body) return ok(new Uint8Array())
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) return err('too-large')
    chunks.push(chunk)
  }
  return ok(Buffer.concat(chunks))
}
