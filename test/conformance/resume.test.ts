import { expect, test } from 'bun:test'
import { createStreamCutter } from './cut.ts'
import { runServerSuite, SUITE_MS } from './suite.ts'

test(
  'the suite resumes a stream that ended before its answer, and gets that answer',
  async () => {
    const { checks, output } = await runServerSuite('2025-11-25', {
      only: 'server-sse-polling',
      createFilter: createStreamCutter,
    })
    const outcomes = Object.fromEntries(
      (checks.get('server-sse-polling') ?? []).map(({ id, status }) => [id, status]),
    )
    expect(outcomes, output).toMatchObject({
      'server-sse-priming-event': 'SUCCESS',
      'server-sse-retry-field': 'SUCCESS',
      'server-sse-disconnect-resume': 'SUCCESS',
    })
  },
  SUITE_MS,
)
