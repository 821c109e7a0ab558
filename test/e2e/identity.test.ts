import { expect, test } from 'bun:test'
import { connectV1, connectV2, createProvider } from '../fixtures/mcp-client.ts'
import { eachProgram } from '../fixtures/programs.ts'
import { startChorus, type Voice } from './chorus.ts'
import { openWorld, type World } from './world.ts'

const TOKEN_LIFE_MS = 3_600_000

/** An official client of a user, whose session id is watched. */
async function connect(world: World, user: string, sdk: 'v1' | 'v2' | 'stateless') {
  const provider = createProvider({ user, password: 'password' }, `${user} ${sdk}`)
  const connected =
    sdk === 'v1'
      ? await connectV1(world.mcpUrl, provider)
      : await connectV2(world.mcpUrl, provider, sdk === 'v2' ? 'legacy' : 'auto')
  const { client, transport } = connected
  const voice: Voice = {
    user,
    async ask() {
      const result = await client.callTool({ name: 'get_my_user_info', arguments: {} })
      const [first] = result.content as { text: string }[]
      return JSON.parse(first?.text ?? '{}').Result?.login
    },
  }
  return { ...voice, close: () => client.close(), session: () => transport.sessionId }
}

eachProgram('two users, two clients of one of them', (program) => {
  test('each call has its own identity, through renewals, logins, kill -9 and restarts', async () => {
    await using world = await openWorld({ program })
    const { control, counts } = world.forgejo
    const voices = await Promise.all([connect(world, 'alice', 'v1'), connect(world, 'bob', 'v2')])
    voices.push(await connect(world, 'alice', 'v2'))
    const sessions = voices.map(({ session }) => session())
    expect(new Set(sessions).size).toBe(3)
    const stateless = await connect(world, 'bob', 'stateless')
    expect(stateless.session()).toBeUndefined()
    voices.push(stateless)
    const chorus = startChorus(voices)
    await chorus.rounds()

    // Forgejo's tokens end under the calls: one refresh for each user, however many calls wait for it.
    control.advance(TOKEN_LIFE_MS)
    await chorus.rounds()
    expect(counts.refreshes).toBe(2)
    expect(counts.refreshesGranted).toBe(2)

    // A new login of alice ends every earlier refresh token that Forgejo gave for her.
    const third = await connect(world, 'alice', 'v1')
    expect(await third.ask()).toBe('alice')
    await chorus.rounds()

    // So far no call was lost. Those that a killed broker had in hand are.
    expect(chorus.sung.failed).toEqual([])
    await world.restart('SIGKILL')
    await chorus.rounds()
    control.advance(TOKEN_LIFE_MS)
    await chorus.rounds()
    expect(await third.ask()).toBe('alice')
    expect(counts.refreshesGranted).toBe(4)
    expect(counts.refreshes).toBe(4)

    await world.restart('SIGTERM')
    await chorus.rounds()
    control.advance(TOKEN_LIFE_MS)
    await chorus.rounds()
    expect(await third.ask()).toBe('alice')
    expect(counts.refreshesGranted).toBe(6)

    const { wrong, calls } = await chorus.stop()
    expect(wrong).toEqual([])
    expect(calls).toBeGreaterThan(40)
    expect(voices.map(({ session }) => session())).toEqual([...sessions, undefined])
    for (const voice of [...voices, third]) await voice.close()
  })
})
