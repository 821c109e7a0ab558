import { expect, test } from 'bun:test'
import { ASKABLE, createModernWorld } from './kit.ts'

const CANCELLED = 'notifications/cancelled'

test('a call whose login ends while its own child is started is never said to the child', async () => {
  const world = createModernWorld()
  const coming = world.send('tools/call', {
    params: { name: 'echo', arguments: {} },
    capabilities: ASKABLE,
  })
  world.registry.endFamily(world.alice.familyId, 'revoked')
  await world.clock.settle()
  const came = await coming
  await world.clock.settle()
  expect(JSON.stringify(await came.reply())).toContain('revoked')
  expect(world.spawner.children.flatMap((child) => child.methods())).not.toContain('tools/call')
  await world.close()
})

test('nor one that waits for a child that it shares, while the others are said', async () => {
  const world = createModernWorld()
  const ask = (who: string, more: object) =>
    world.send('tools/call', { params: { name: 'echo', arguments: { who } }, ...more })
  const one = ask('alice', {})
  const two = ask('second', { caller: world.second })
  world.registry.endFamily(world.second.familyId, 'revoked')
  await world.clock.settle()
  expect(JSON.stringify(await (await two).reply())).toContain('revoked')
  await one
  const said = world.spawner.children
    .flatMap(({ received }) => received)
    .filter(({ method }) => method === 'tools/call')
    .map(({ params }) => params?.arguments)
  expect(said).toEqual([{ who: 'alice' }])
  await world.close()
})

test.each([
  ['a child that it shares', {}],
  ['a child of its own', { capabilities: ASKABLE }],
])(
  'a list that waits for %s is cancelled when its client leaves, and over when its login ends',
  async (_, more) => {
    const world = createModernWorld()
    const list = () => world.send('tools/list', { params: { cursor: 'hold' }, ...more })
    const left = await list()
    left.cancel()
    await world.clock.settle()
    const cancelled = () =>
      world.spawner.children
        .flatMap((child) => child.methods())
        .filter((name) => name === CANCELLED)
    expect(cancelled()).toHaveLength(1)

    const open = await list()
    world.registry.endFamily(world.alice.familyId, 'revoked')
    await world.clock.settle()
    expect(JSON.stringify(await open.reply())).toContain('revoked')
    expect(cancelled()).toHaveLength(2)
    await world.close()
  },
)
