import { expect, test } from 'bun:test'
import { describeServer, judge } from './server.ts'

describeServer('2025-11-25')

test('an expected failure that does not fail is as wrong as one that nobody expects', () => {
  const checks = [
    { id: 'a', status: 'SUCCESS' as const },
    { id: 'b', status: 'WARNING' as const, errorMessage: 'hm' },
  ]
  expect(judge('some', checks, {})).toEqual({ unexpected: ['WARNING some:b: hm'], stale: [] })
  expect(judge('some', checks, { 'some:b': 'known' })).toEqual({ unexpected: [], stale: [] })
  expect(judge('some', checks, { 'some:a': 'known', 'some:b': 'known' }).stale).toEqual(['some:a'])
  expect(judge('some', [], {}).unexpected).toEqual(['some checked nothing'])
})
