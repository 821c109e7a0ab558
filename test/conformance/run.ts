import { type Revision, runServerSuite } from './suite.ts'

/** By hand: `bun test/conformance/run.ts 2025-11-25 [scenario]` prints what every scenario came to. */
const [revision = '2025-11-25', only] = process.argv.slice(2)
const { checks, output } = await runServerSuite(revision as Revision, only ? { only } : {})
if (only) console.log(output)
for (const [scenario, each] of checks) {
  const bad = each.filter(({ status }) => status !== 'SUCCESS' && status !== 'INFO')
  console.log(`${bad.length === 0 ? 'ok  ' : '    '}${scenario} (${each.length} checks)`)
  for (const { id, status, errorMessage = '' } of bad)
    console.log(`      ${status} ${id}: ${errorMessage}`)
}
