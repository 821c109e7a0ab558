import { lookup } from 'node:dns/promises'
import { type RequestOptions, request } from 'node:https'
import ipaddr from 'ipaddr.js'
import { type Clock, SECOND_MS, TIMED_OUT, within } from '../clock.ts'
import { err, ok, type Result } from '../result.ts'

/** A JSON document as it was fetched. */
export interface FetchedDocument {
  body: unknown
  /** `max-age` of its Cache-Control in milliseconds, 0 for `no-store` and `no-cache`, undefined when it says neither. */
  maxAgeMs: number | undefined
}

/** Fetches one https URL; the error says why not, for the log only. */
export type DocumentFetcher = (url: string) => Promise<Result<FetchedDocument, string>>

export interface FetcherOptions {
  clock: Clock
  /** All addresses of a host name; the system's resolver when not given. */
  resolve?: (host: string) => Promise<readonly string[]>
  /** Whether an address may be connected to; isPublicAddress when not given. */
  mayConnect?: (address: string) => boolean
  /** Certificates trusted beside the system's. */
  ca?: string
}

/** Bound on everything from the name lookup to the last byte. */
const TOTAL_MS = 5 * SECOND_MS

/** Largest document that is read. */
const MAX_BYTES = 64 * 1024

/** Addresses tried for one document: one of each family. */
const MAX_ADDRESSES = 2

/** The IPv6 addresses that are given out at all; outside of it are old forms of IPv4, which ipaddr.js takes for unicast. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3')

/** Whether an IP address is reachable from anywhere: not private, loopback, link-local, reserved or a tunnel's. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv6' && !parsed.match(GLOBAL_IPV6)) return false
  return parsed.range() === 'unicast'
}

const systemResolve = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address)

/**
 * A fetcher that a hostile URL cannot point into our own network: every address of the host must be public, the
 * connection goes to an address that was judged (with the host as SNI, certificate name and Host), redirects are not
 * followed, and 5 s and 64 KiB bound the whole.
 */
export function createDocumentFetcher(options: FetcherOptions): DocumentFetcher {
  const resolve = options.resolve ?? systemResolve
  const mayConnect = options.mayConnect ?? isPublicAddress

  const fetchFrom = async (
    url: URL,
    signal: AbortSignal,
  ): Promise<Result<FetchedDocument, string>> => {
    const addresses = await resolve(url.hostname)
    if (addresses.length === 0) return err('the host has no address')
    if (!addresses.every(mayConnect)) return err('the host has an address that is not public')
    let failure = 'no address was tried'
    for (const address of oneOfEachFamily(addresses)) {
      if (signal.aborted) break
      try {
        return readDocument(await documentRequest(url, address, signal, options.ca))
      } catch (error) {
        failure = messageOf(error)
      }
    }
    return err(failure)
  }

  return async (text) => {
    const abort = new AbortController()
    try {
      const done = await within(options.clock, TOTAL_MS, fetchFrom(new URL(text), abort.signal))
      return done === TIMED_OUT ? err('it took too long') : done
    } catch (error) {
      return err(messageOf(error))
    } finally {
      abort.abort()
    }
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** IPv4 first: a host without IPv6 is commoner than one without IPv4. */
function oneOfEachFamily(addresses: readonly string[]): string[] {
  const isV6 = (address: string) => address.includes(':')
  const firsts = [addresses.find((address) => !isV6(address)), addresses.find(isV6)]
  return firsts.filter((address) => address !== undefined).slice(0, MAX_ADDRESSES)
}

interface RawReply {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

/** One GET over TLS to `address`, as `url.hostname`. Rejects on any transport failure and past MAX_BYTES. */
function documentRequest(
  url: URL,
  address: string,
  signal: AbortSignal,
  ca: string | undefined,
): Promise<RawReply> {
  const target: RequestOptions = {
    host: url.hostname,
    port: url.port === '' ? 443 : Number(url.port),
    path: url.pathname + url.search,
    servername: url.hostname,
    agent: false,
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    lookup: (_host, lookupOptions, done) => {
      const family = address.includes(':') ? 6 : 4
      if (lookupOptions.all) done(null, [{ address, family }])
      else done(null, address, family)
    },
    ...(ca === undefined ? {} : { ca }),
  }
  return new Promise((resolve, reject) => {
    const call = request(target, (reply) => {
      const chunks: Buffer[] = []
      let bytes = 0
      reply.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        chunks.push(chunk)
        if (bytes <= MAX_BYTES) return
        // Rejected first: a destroyed request of Bun's still ends well.
        reject(new Error('it is too large'))
        call.destroy()
      })
      reply.on('error', reject)
      reply.on('end', () =>
        resolve({
          status: reply.statusCode ?? 0,
          headers: reply.headers,
          body: Buffer.concat(chunks),
        }),
      )
    })
    call.on('error', reject)
    call.on('close', () => reject(new Error('the connection closed')))
    signal.addEventListener('abort', () => call.destroy(new Error('given up')), { once: true })
    call.end()
  })
}

/** Judges a reply: 200, JSON by its type and by its text, not encoded. */
export function readDocument(reply: RawReply): Result<FetchedDocument, string> {
  const header = (name: string) => String(reply.headers[name] ?? '').toLowerCase()
  if (reply.status !== 200) return err(`the answer was ${reply.status}`)
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/.test(header('content-type')))
    return err('the answer is not JSON by its Content-Type')
  if (!['', 'identity'].includes(header('content-encoding'))) return err('the answer is encoded')
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(reply.body)
    return ok({ body: JSON.parse(text), maxAgeMs: maxAge(header('cache-control')) })
  } catch {
    return err('the answer is not JSON')
  }
}

function maxAge(cacheControl: string): number | undefined {
  if (/\bno-(?:store|cache)\b/.test(cacheControl)) return 0
  const seconds = /\bmax-age=(\d{1,9})\b/.exec(cacheControl)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * SECOND_MS
}
