import { beforeAll, describe, expect, test } from 'bun:test'
import expectedFailures from './expected-failures.json'
import {
  type Check,
  type Revision,
  runServerSuite,
  type ServerRun,
  SUITE_MS,
  scenariosOf,
} from './suite.ts'

/** Why a check may fail, by `scenario:check`. */
const EXPECTED: Record<string, Record<string, string>> = expectedFailures

/** Checks that a scenario leaves out, or calls informative, when it could not look: here it can. */
const NOT_LEFT_OUT: Record<string, string[]> = {
  'server-initialize': ['server-session-id-visible-ascii'],
  'server-session-lifecycle': [
    'server-session-delete-accepted',
    'server-session-terminated-returns-404',
  ],
  'server-sse-polling': ['server-sse-priming-event', 'server-sse-retry-field'],
}

/** A check that is neither passed nor only informative: a warning counts, and so does a check that was skipped. */
const isProblem = ({ status }: Check): boolean => status !== 'SUCCESS' && status !== 'INFO'

/** What is wrong with a scenario beyond what is expected, and what is expected but not wrong any more. */
export function judge(
  scenario: string,
  checks: readonly Check[],
  expected: Record<string, string>,
): { unexpected: string[]; stale: string[] } {
  const name = (id: string) => `${scenario}:${id}`
  const problems = checks.filter(isProblem)
  const failing = new Set(problems.map(({ id }) => name(id)))
  const passed = new Set(checks.filter(({ status }) => status === 'SUCCESS').map(({ id }) => id))
  const unseen = (NOT_LEFT_OUT[scenario] ?? []).filter((id) => !passed.has(id))
  return {
    unexpected: [
      ...problems
        .filter(({ id }) => !(name(id) in expected))
        .map(({ id, status, errorMessage }) => `${status} ${name(id)}: ${errorMessage ?? ''}`),
      ...unseen.map((id) => `${name(id)} was not passed`),
      ...(passed.size > 0 || failing.size > 0 ? [] : [`${scenario} checked nothing`]),
    ],
    stale: Object.keys(expected).filter((each) => each.startsWith(name('')) && !failing.has(each)),
  }
}

export interface ServerOptions {
  /** The child; the plain one that the suite wants unless said otherwise. */
  binary?: () => Promise<string>
  /** Why a check may fail, by `scenario:check`; what is written down for the revision unless said otherwise. */
  expected?: Record<string, string>
}

/** Declares a test for each server scenario of a revision, all of one run of the suite. */
export function describeServer(
  revision: Revision,
  { binary, expected = EXPECTED[revision] ?? {} }: ServerOptions = {},
): void {
  describe(`a server of revision ${revision}, by the conformance suite`, () => {
    const { required, unscored } = scenariosOf(revision)
    let run: ServerRun
    beforeAll(async () => {
      run = await runServerSuite(revision, binary ? { binary: await binary() } : {})
    }, SUITE_MS)

    const check = (scenario: string) => {
      const checks = run.checks.get(scenario)
      if (!checks) throw new Error(`${scenario} did not run:\n${run.output.slice(-2000)}`)
      expect(judge(scenario, checks, expected)).toEqual({ unexpected: [], stale: [] })
    }
    test.each(required)('%s', check)
    test.each(unscored)('%s (not scored)', check)

    test('every expected failure names a scenario of this revision', () => {
      const known = new Set([...required, ...unscored])
      expect(Object.keys(expected).filter((each) => !known.has(each.split(':')[0] ?? ''))).toEqual(
        [],
      )
    })
  })
}
