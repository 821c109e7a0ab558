import { Elysia } from 'elysia'
import type { Metrics } from '../metrics.ts'

/** The metrics listener: GET /metrics as Prometheus text, and nothing else. */
export function createMetricsApp(deps: { metrics: Metrics }) {
  const { registry } = deps.metrics
  return new Elysia({ name: 'metrics', handler: { standardHostname: false } })
    .onError(({ code }) => new Response(null, { status: code === 'NOT_FOUND' ? 404 : 500 }))
    .get(
      '/metrics',
      async () =>
        new Response(await registry.metrics(), {
          headers: { 'Content-Type': registry.contentType },
        }),
    )
}
