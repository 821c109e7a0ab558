import { err, ok, type Result } from '../result.ts'

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

/** Whether a request is for exactly this path, as it was sent, and has no query. */
export function isFor({ url }: Request, path: string): boolean {
  if (!url.endsWith(path)) return false
  if (url.startsWith('/')) return url === path
  return url.indexOf('/', url.indexOf('://') + 3) === url.length - path.length
}

/** How long a body says that it is, in bytes; undefined when it does not say. */
export function announcedBytes({ headers }: Request): number | undefined {
  const length = headers.get('content-length')
  return length === null ? undefined : Number(length)
}

/** Reads a body of at most `maxBytes`; a longer one is not read to its end. */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Result<Uint8Array, 'too-large'>> {
  const announced = announcedBytes(request)
  if (announced !== undefined && announced > maxBytes) return err('too-large')
  const bytes = await bytesOf(request, announced, maxBytes)
  return bytes === undefined ? err('too-large') : ok(bytes)
}

/**
 * The bytes of a body that does not announce more than `maxBytes`; undefined when there are more.
 * What is announced is all that there is to read: a stream would cost more than the whole request.
 */
export const bytesOf = (
  request: Request,
  announced: number | undefined,
  maxBytes: number,
): Promise<Uint8Array | undefined> =>
  announced === undefined ? readChunks(request, maxBytes) : request.bytes()

async function readChunks(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  if (!request.body) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
