import { parseArgs } from 'node:util'
import { realBinary, standInBinary } from '../fixtures/binary.ts'
import { FROM_SOURCE } from '../fixtures/broker.ts'
import { checkModern, openSession, run } from './measure.ts'
import { buildBroker, compile, installPeers } from './programs.ts'
import {
  type Contender,
  judge,
  KEYS,
  type Key,
  renderTable,
  renderVerdict,
  renderWoken,
  SCENARIOS,
  SESSIONS,
  type Woken,
} from './report.ts'
import {
  type Subject,
  startBare,
  startBrokerSubject,
  startMcpProxy,
  startSupergateway,
} from './subjects.ts'
import { measureWakes, SLEEPY } from './wake.ts'

/**
 * `bun run bench`: what a tool call costs through the broker, beside two well-known bridges and beside the least that a
 * bridge can do. All run over the same small child, by turns; only the ratios of one run mean something.
 */

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    /** Length of one measurement in milliseconds. */
    ms: { type: 'string', default: '1000' },
    /** The broker from source rather than the compiled binary. */
    source: { type: 'boolean', default: false },
    /** Without the peers. */
    bare: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
const ms = Number(options.ms)

/** How long each session serves calls before the broker's memory is read. */
const SERVED_MS = 10

/** How long each subject is under load before anything counts: its compiler comes to rest within that. */
const WARM_UP_MS: Record<Key, number> = { one: 500, many: 4000, large: 1000, modern: 4000 }

/** First calls after a sleep that are timed per program. */
const WAKES = 25

const loud = (text: string): void => console.log(`\n!! ${text}\n`)

async function attempt(name: string, start: () => Promise<Subject>): Promise<Subject | undefined> {
  try {
    return await start()
  } catch (error) {
    loud(`SKIPPED: ${name}: ${error instanceof Error ? error.message : error}`)
    return undefined
  }
}

function peersAtHand(): boolean {
  if (options.bare) return false
  try {
    installPeers()
    return true
  } catch (error) {
    loud(`SKIPPED: both peers: ${error instanceof Error ? error.message : error}`)
    return false
  }
}

const child = compile('child')
const stateless = compile('child', 'STATELESS')
const load = compile('load')
if (!child || !stateless || !load) {
  loud('SKIPPED: the benchmark needs a C compiler (cc or gcc) on PATH')
  process.exit(0)
}
const program = options.source ? FROM_SOURCE : [buildBroker()]
const runtime = options.source ? `bun ${Bun.version}, from source` : 'compiled binary'
const withPeers = peersAtHand()

const started = [
  await startBrokerSubject(program, runtime, child),
  await startBare(child),
  withPeers ? await attempt('supergateway', () => startSupergateway(child, 'legacy')) : undefined,
  withPeers ? await attempt('mcp-proxy', () => startMcpProxy(child)) : undefined,
  withPeers
    ? await attempt('supergateway, stateless', () => startSupergateway(stateless, 'modern'))
    : undefined,
]
const subjects = started.filter((subject) => subject !== undefined)

/** What a subject is measured with. */
const keysOf = ({ eras }: Subject): Key[] => KEYS.filter((key) => eras.includes(SCENARIOS[key].era))

/** The broker's memory in MB with so many sessions, each of which has a child and has served some calls. */
async function memory(generator: string, subject: Subject): Promise<number> {
  for (let open = 0; open < SESSIONS; open++)
    await run(generator, subject, await openSession(subject), SCENARIOS.one, SERVED_MS)
  return subject.rss()
}

/** Everything until it is warm, then each scenario on each subject by turns. */
async function measureAll(generator: string): Promise<Contender[]> {
  const contenders: Contender[] = []
  for (const subject of subjects) {
    const keys = keysOf(subject)
    if (keys.includes('modern')) await checkModern(subject)
    const session = keys.includes('one') ? await openSession(subject) : undefined
    contenders.push({ subject, session, runs: { one: [], many: [], large: [], modern: [] } })
  }
  const turn = ({ subject, session }: Contender, key: Key, length = ms) =>
    run(generator, subject, session, SCENARIOS[key], length)
  for (const it of contenders)
    for (const key of keysOf(it.subject)) await turn(it, key, WARM_UP_MS[key])
  for (let round = 0; round < rounds; round++)
    for (const key of KEYS)
      for (const it of contenders)
        if (keysOf(it.subject).includes(key)) it.runs[key].push(await turn(it, key))
  return contenders
}

/** The first call after a sleep over one program, with a broker of its own. */
async function wakesOver(name: string, binary: string, judged: boolean): Promise<Woken> {
  const subject = await startBrokerSubject(program, runtime, binary, SLEEPY)
  try {
    const command = [binary, '--transport', 'stdio', '--url', subject.forgejoUrl]
    return { program: name, judged, wakes: await measureWakes(subject, command, WAKES) }
  } finally {
    await subject.stop()
  }
}

async function stopAll(): Promise<void> {
  for (const subject of subjects.splice(0)) await subject.stop()
}

let failed = false
try {
  const [first] = subjects
  const rss = first ? await memory(load, first) : Number.NaN
  const contenders = await measureAll(load)
  console.log(renderTable(contenders))
  if (first) console.log(`\nResident after all that: ${first.rss().toFixed(0)} MB`)
  await stopAll()
  const real = realBinary()
  const woken = [
    await wakesOver(real ? 'forgejo-mcp' : 'its stand-in', real ?? standInBinary(), true),
    await wakesOver('child.c', child, false),
  ]
  console.log(`\n${renderWoken(woken)}`)
  const verdicts = judge(contenders, rss, woken)
  console.log(`\n${verdicts.map(renderVerdict).join('\n')}`)
  failed = verdicts.some(({ met }) => !met)
} finally {
  await stopAll()
}
process.exit(failed ? 1 : 0)
