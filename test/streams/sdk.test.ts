import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { until } from '../fixtures/until.ts'
import { openPlace, type Place } from './place.ts'

/** Longer than the second after which a client comes back. */
const LONG_MS = 20_000

let place: Place
beforeAll(() => {
  place = openPlace({ real: true })
})
afterAll(() => place[Symbol.asyncDispose]())

/** Every request of a client, and a way to cut the event streams that it reads. */
function line() {
  const seen: { method: string; lastEventId: string | null; status: number }[] = []
  const open = new Set<() => void>()
  const through = async (input: string | URL | Request, init: RequestInit = {}) => {
    const headers = new Headers(init.headers)
    headers.set('Authorization', 'Bearer alice')
    const gone = new AbortController()
    init.signal?.addEventListener('abort', () => gone.abort())
    const response = await fetch(input, { ...init, headers, signal: gone.signal })
    seen.push({
      method: init.method ?? 'GET',
      lastEventId: headers.get('last-event-id'),
      status: response.status,
    })
    if (response.headers.get('content-type') === 'text/event-stream') open.add(() => gone.abort())
    return response
  }
  return {
    seen,
    fetch: through as typeof fetch,
    gets: () => seen.filter(({ method }) => method === 'GET'),
    cut() {
      for (const abort of open) abort()
      open.clear()
    },
  }
}

const info = { name: 'sdk', version: '1' }
const SDKS = {
  async v1(fetch: typeof globalThis.fetch) {
    const client = new ClientV1(info)
    await client.connect(new TransportV1(new URL(place.url), { fetch }))
    return client
  },
  async v2(fetch: typeof globalThis.fetch) {
    const client = new ClientV2(info, { versionNegotiation: { mode: 'legacy' } })
    await client.connect(new TransportV2(new URL(place.url), { fetch }))
    return client
  },
}

/** The arguments of callTool behind the call itself: v1 takes a schema first. */
const options = (version: 'v1' | 'v2', heard: (progress: number) => void) => {
  const given = { onprogress: ({ progress }: { progress: number }) => heard(progress) }
  return (version === 'v1' ? [undefined, given] : [given]) as never[]
}

describe.each(['v1', 'v2'] as const)('SDK %s', (version) => {
  test(
    'whose connections are all cut gets its result, its progress and what it listens for',
    async () => {
      const wire = line()
      const client = await SDKS[version](wire.fetch)
      await until('listening', () => wire.gets().length > 0)
      const steps: number[] = []
      let notices = 0
      client.fallbackNotificationHandler = async () => {
        notices++
      }
      const call = client.callTool(
        { name: 'test_progress', arguments: { steps: 30, ms: 50 } },
        ...options(version, (progress) => steps.push(progress)),
      )
      await until('under way', () => steps.length >= 3)
      wire.cut()
      expect(JSON.stringify(await call)).toContain('done')
      expect(steps).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
      // The stream for everything else has come back as well.
      await until('listening again', () => wire.gets().length >= 3)
      await Promise.all([
        client.callTool({ name: 'test_slow', arguments: { ms: 200 } }),
        client.callTool({
          name: 'test_notify',
          arguments: { method: 'notifications/made_up', params: {} },
        }),
      ])
      await until('noticed', () => notices === 1)
      await client.close()
    },
    LONG_MS,
  )

  test(
    'does not come back for more after an error on a stream that it has read to its end',
    async () => {
      const wire = line()
      const client = await SDKS[version](wire.fetch)
      await until('listening', () => wire.gets().length > 0)
      let steps = 0
      const failed = client
        .callTool(
          { name: 'test_progress', arguments: { steps: 1000, ms: 20 } },
          ...options(version, () => steps++),
        )
        .catch((error: unknown) => String(error))
      await until('under way', () => steps > 0)
      await client.callTool({ name: 'test_exit' }).catch(() => {})
      expect(await failed).toContain('the child exited with code 1')
      // Longer than the second after which it would come back.
      await Bun.sleep(1_500)
      const after = wire.gets().slice(1)
      expect(
        after.filter(({ status, lastEventId }) => status !== 204 || lastEventId === null),
      ).toEqual([])
      expect(after.length).toBeLessThanOrEqual(1)
      await client.close()
    },
    LONG_MS,
  )
})
