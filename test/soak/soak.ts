import { join } from 'node:path'
import { compiled } from '../chaos/program.ts'
import type { Login } from '../e2e/login.ts'
import { openSession, type Session } from '../e2e/wire.ts'
import { openWorld, type World } from '../e2e/world.ts'
import { until } from '../fixtures/until.ts'
import { sleepingSessionBytes } from './heap.ts'
import { fileBytes, median, type Sample, sample, storeBytes } from './measure.ts'

/**
 * `bun run soak`: sessions as Claude.ai leaves them behind. 5,000 are opened, used once and forgotten; one in a
 * hundred is used on and on. What takes hours is done in minutes by an idle timeout of a second instead of a quarter
 * of an hour: everything that hangs on it (sleep, forgetting sleeping sessions) comes as much sooner, nothing else is
 * changed, and the clock is the machine's. The children are a shell script, because the broker is what is measured.
 */
const SESSIONS = Number(process.argv[2] ?? 5_000)
const WARM_UP = Math.ceil(SESSIONS / 10)
const USERS = 10
const WIDTH = 4
const SAMPLE_EVERY = Math.ceil(SESSIONS / 50)
const KEPT_SHARE = 100

const MAX_SESSION_BYTES = 20 * 1024
/** What is left of growth after warm-up is the allocator's: as much as this is called flat. */
const MAX_GROWTH = 0.1

const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`
const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`

/** Opens sessions, each used once; one in a hundred goes on being used. */
async function live(world: World, logins: readonly Login[]) {
  const kept: Session[] = []
  const samples: Sample[] = []
  let opened = 0
  const storeBefore = { at: 0, bytes: 0 }

  const openOne = async (): Promise<void> => {
    const n = ++opened
    const login = logins[n % logins.length]
    if (!login) return
    const session = await openSession(world.mcpUrl, login)
    await session.tool('list_my_repos')
    if (n % KEPT_SHARE === 0) kept.push(session)
    const old = kept[n % (kept.length + 1)]
    if (n % 20 === 0) await old?.tool('list_my_repos')
    if (n === WARM_UP) Object.assign(storeBefore, { at: n, bytes: storeBytes(world.storePath) })
    if (n % SAMPLE_EVERY === 0) {
      const now = sample(world.broker.pid, n, world.children().length)
      samples.push(now)
      console.log(
        `${String(n).padStart(6)} sessions  RSS ${mib(now.rss)}  ${now.descriptors} descriptors  ${now.children} children`,
      )
    }
  }
  const lines = Array.from({ length: WIDTH }, async () => {
    while (opened < SESSIONS) await openOne()
  })
  await Promise.all(lines)
  return { kept, samples, storeBefore }
}

await using world = await openWorld({
  program: await compiled(),
  binary: join(import.meta.dir, 'child.sh'),
  env: {
    FJMCP_BROKER_SESSION_IDLE_TIMEOUT: '1s',
    FJMCP_BROKER_DEBUG: 'false',
    FJMCP_BROKER_RATE_LIMIT: 'false',
  },
})
const logins: Login[] = []
for (let n = 0; n < USERS; n++) {
  world.forgejo.addUser(`user${n}`)
  logins.push(await world.login(`user${n}`))
}
const idle = sample(world.broker.pid, 0, 0)
const began = performance.now()
const { kept, samples, storeBefore } = await live(world, logins)
const seconds = (performance.now() - began) / 1000
await until('all but those that stand by sleep', () => world.children().length <= USERS, 60_000)
await Bun.sleep(5_000)
const rest = sample(world.broker.pid, SESSIONS, world.children().length)
for (const session of kept) await session.tool('list_my_repos')

const warm = samples.filter(({ opened }) => opened > WARM_UP)
const third = Math.ceil(warm.length / 3)
const early = median(warm.slice(0, third).map(({ rss }) => rss))
const late = median(warm.slice(-third).map(({ rss }) => rss))
const storePerSession =
  (storeBytes(world.storePath) - storeBefore.bytes) / (SESSIONS - storeBefore.at)
const heapPerSession = await sleepingSessionBytes(2_000)
/** A child that stands by has three pipes, and a process descriptor. */
const leftOpen = rest.descriptors - idle.descriptors - 4 * rest.children

console.log(`
${SESSIONS} sessions in ${seconds.toFixed(0)} s, ${kept.length} of them used to the end
RSS                          ${mib(idle.rss)} before, ${mib(early)} after warm-up, ${mib(late)} in the last third, ${mib(rest.rss)} at rest
file descriptors             ${idle.descriptors} before, ${rest.descriptors} at rest with ${rest.children} children standing by
store per session            ${kib(storePerSession)}, audit included (files: ${mib(fileBytes(world.storePath))})
heap per sleeping session    ${kib(heapPerSession)}, until it is forgotten`)

const problems = [
  late > early * (1 + MAX_GROWTH) && 'RSS is not flat',
  storePerSession + heapPerSession > MAX_SESSION_BYTES && 'a sleeping session takes too much',
  leftOpen > USERS && `${leftOpen} file descriptors are left open`,
].filter((problem) => problem !== false)
for (const problem of problems) console.error(`!! ${problem}`)
process.exitCode = problems.length === 0 ? 0 : 1
