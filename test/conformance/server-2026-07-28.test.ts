import { describe, expect, test } from 'bun:test'
import { conformanceBinary } from '../fixtures/everything/binary.ts'
import { describeServer, judge } from './server.ts'
import { runServerSuite, SUITE_MS } from './suite.ts'

describeServer('2026-07-28')

describe('over a child that says how its questions are called', () => {
  test.each([
    'input-required-result-basic-elicitation',
    'input-required-result-ignore-extra-params',
  ])(
    '%s passes as well',
    async (only) => {
      const binary = await conformanceBinary({ namesKeys: true })
      const { checks, output } = await runServerSuite('2026-07-28', { only, binary })
      const found = [...checks.values()].flat()
      expect(judge(only, found, {}), output).toEqual({ unexpected: [], stale: [] })
    },
    SUITE_MS,
  )
})
