import { expect, test } from 'bun:test'
import { createMetricsApp } from '../../src/http/metrics.ts'
import { createOps } from '../../src/http/ops.ts'
import { createMetrics } from '../../src/metrics.ts'
import { manualClock } from '../fixtures/clock.ts'

const build = { version: '1.2.3', revision: 'abc', date: '2026-08-01' }

function opsWith(answers: {
  store: boolean
  binary: boolean
  forgejo: boolean
  leaving?: boolean
}) {
  const clock = manualClock()
  const asked = { forgejo: 0 }
  const ops = createOps({
    clock,
    build,
    probes: {
      leaving: () => answers.leaving === true,
      store: () => answers.store,
      binary: () => answers.binary,
      forgejo: async () => {
        asked.forgejo++
        return answers.forgejo
      },
    },
  })
  return { ops, clock, asked }
}

test('health says what is running', async () => {
  const { ops } = opsWith({ store: true, binary: false, forgejo: false })
  const response = ops.health()
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({
    status: 'ok',
    version: '1.2.3',
    git_revision: 'abc',
    build_date: '2026-08-01',
    store: 'ok',
  })
})

test('health is 503 when the store takes no write', async () => {
  const response = opsWith({ store: false, binary: true, forgejo: true }).ops.health()
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ status: 'sick', store: 'failed' })
})

test('health is 503 when the broker is about to stop, so that a proxy keeps requests back', async () => {
  const good = { store: true, binary: true, forgejo: true }
  const response = opsWith({ ...good, leaving: true }).ops.health()
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ status: 'stopping', store: 'ok' })
})

test('readiness needs the store, the child’s program and Forgejo', async () => {
  const good = { store: true, binary: true, forgejo: true }
  expect((await opsWith(good).ops.ready()).status).toBe(200)
  for (const missing of ['store', 'binary', 'forgejo'])
    expect((await opsWith({ ...good, [missing]: false }).ops.ready()).status).toBe(503)
  const response = await opsWith({ ...good, forgejo: false }).ops.ready()
  expect(await response.json()).toEqual({
    status: 'not ready',
    store: 'ok',
    forgejo_mcp: 'ok',
    forgejo: 'unreachable',
  })
})

test('Forgejo is asked once in thirty seconds, however often we are', async () => {
  const answers = { store: true, binary: true, forgejo: true }
  const { ops, clock, asked } = opsWith(answers)
  await Promise.all([ops.ready(), ops.ready(), ops.ready()])
  answers.forgejo = false
  await clock.advance(29_999)
  expect((await ops.ready()).status).toBe(200)
  expect(asked.forgejo).toBe(1)
  await clock.advance(1)
  expect((await ops.ready()).status).toBe(503)
  expect(asked.forgejo).toBe(2)
})

test('the store is asked once in a second, however often we are', async () => {
  const answers = { store: true, binary: true, forgejo: true }
  const { ops, clock } = opsWith(answers)
  expect((await ops.ready()).status).toBe(200)
  answers.store = false
  expect((await ops.ready()).status).toBe(200)
  expect(ops.health().status).toBe(200)
  await clock.advance(1_000)
  expect((await ops.ready()).status).toBe(503)
  expect(ops.health().status).toBe(503)
})

test('a Forgejo that hangs makes us unready, not hang', async () => {
  const clock = manualClock()
  const ops = createOps({
    clock,
    build,
    probes: {
      leaving: () => false,
      store: () => true,
      binary: () => true,
      forgejo: () => new Promise(() => {}),
    },
  })
  const ready = ops.ready()
  await clock.advance(5_000)
  expect((await ready).status).toBe(503)
})

test('the metrics listener has /metrics and nothing else', async () => {
  const metrics = createMetrics()
  metrics.rateLimited.inc({ route: 'token' })
  const app = createMetricsApp({ metrics })
  const response = await app.handle(new Request('http://localhost/metrics'))
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toStartWith('text/plain')
  expect(await response.text()).toContain('fjmcp_rate_limited_total{route="token"} 1')
  for (const path of ['/', '/mcp', '/healthz'])
    expect((await app.handle(new Request(`http://localhost${path}`))).status).toBe(404)
})
