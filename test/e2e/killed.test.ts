import { expect, test } from 'bun:test'
import { recordedChildren, stillAlive } from '../fixtures/processes.ts'
import { eachProgram } from '../fixtures/programs.ts'
import { until } from '../fixtures/until.ts'
import { openWorld } from './world.ts'

const SESSIONS_EACH = 10
const GONE_MS = 5_000

eachProgram('a broker that is killed with 20 children', (program) => {
  test('leaves none for long: they end by themselves, and the deaf one is swept at the next start', async () => {
    await using world = await openWorld({ program })
    const [alice, bob] = await Promise.all([world.login('alice'), world.login('bob')])
    const sessions = await Promise.all(
      [alice, bob].flatMap((login) => Array.from({ length: SESSIONS_EACH }, () => login.open())),
    )
    const [first, deaf] = sessions
    await deaf?.tool('test_deaf')
    const children = world.children()
    expect(children).toHaveLength(sessions.length)
    const pids = (processes: { pid: number }[]) => processes.map(({ pid }) => pid).sort()
    expect(pids(recordedChildren(world.storePath))).toEqual(pids(children))

    await world.broker.stop('SIGKILL')
    const left = await until(
      'no child but the deaf one is left',
      () => {
        const alive = stillAlive(children)
        return alive.length <= 1 && alive
      },
      GONE_MS,
    )
    expect(left).toHaveLength(1)

    await world.start()
    expect(stillAlive(children)).toEqual([])
    expect(recordedChildren(world.storePath)).toEqual([])
    await world.logged('"count":1,"event":"orphans of an earlier run were ended"')
    expect(await first?.whoami()).toBe('alice')
    expect(await sessions.at(-1)?.whoami()).toBe('bob')
  })
})
