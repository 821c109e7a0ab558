import { heapStats } from 'bun:jsc'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWorld, INITIALIZE, request, sink } from '../session/world.ts'

/** The heap after everything that can go has gone, bytes. */
function heapBytes(): number {
  for (let n = 0; n < 3; n++) Bun.gc(true)
  return heapStats().heapSize
}

/**
 * What a sleeping session takes of the heap for as long as it is kept there, in bytes: `count` sessions are opened in
 * a registry of this process, with children in memory, and put to sleep.
 */
export async function sleepingSessionBytes(count: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'fjmcp-soak-'))
  const world = createWorld({ config: { maxSessions: 0, maxSessionsPerUser: 0 } })
  try {
    const open = () =>
      world.registry.initialize(world.alice, request('initialize', INITIALIZE), sink())
    const settle = async () => {
      world.registry.credentialDied(world.alice.accountId)
      await world.clock.settle()
      world.spawner.children.splice(0)
      world.access.opened.splice(0)
    }
    for (let n = 0; n < 50; n++) await open()
    await settle()
    const before = heapBytes()
    for (let n = 0; n < count; n++) {
      await open()
      if (n % 100 === 99) await settle()
    }
    await settle()
    return (heapBytes() - before) / count
  } finally {
    await world.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
