import { expect, test } from 'bun:test'
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyId, parseKey } from '../../src/crypto.ts'
import { openWorld } from '../e2e/world.ts'
import { oneProgram } from '../fixtures/programs.ts'

const keyOf = (text: string) => {
  const key = parseKey(text.trim())
  if (key === undefined) throw new Error('no key')
  return key
}

oneProgram('the sealing key', (program) => {
  test('is rotated while the broker is stopped; logins, sessions and renewals go on', async () => {
    await using world = await openWorld({ program })
    const alice = await world.login('alice')
    const session = await alice.open()
    const path = `${world.storePath}.key`
    const before = readFileSync(path, 'utf8')

    const refused = await world.run(['keys', 'rotate'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('another fjmcp-broker works on')
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect(await session.whoami()).toBe('alice')

    await world.broker.stop()
    const { code, stdout } = await world.run(['keys', 'rotate'])
    expect(code).toBe(0)
    const after = readFileSync(path, 'utf8')
    expect(after).not.toBe(before)
    expect(after).toMatch(/^[\w-]{43}\n$/)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(existsSync(`${path}.new`)).toBe(false)
    expect(stdout).toContain(keyId(keyOf(after)))
    for (const key of [before, after]) expect(stdout).not.toContain(key.trim())

    const old = await world.run(['serve'], { FJMCP_BROKER_KEY: before.trim() })
    expect(old.code).toBe(2)
    await world.start()
    expect(await session.whoami()).toBe('alice')
    await alice.refresh()
    world.forgejo.control.advance(3_600_000)
    expect(await session.whoami()).toBe('alice')
    expect(world.forgejo.counts.refreshesGranted).toBe(1)
    expect(world.forgejo.counts.exchanges).toBe(1)
  })

  test('is shown by its id only, generated, and taken from the environment', async () => {
    await using world = await openWorld({ program })
    const key = readFileSync(`${world.storePath}.key`, 'utf8').trim()
    const shown = await world.run(['keys', 'show'])
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    expect(shown.stdout).toContain(keyId(keyOf(key)))
    expect(shown.stdout).not.toContain(key)
    const [one, two] = [
      await world.run(['keys', 'generate']),
      await world.run(['keys', 'generate']),
    ]
    expect(keyOf(one.stdout)).not.toEqual(keyOf(two.stdout))

    await world.broker.stop()
    const fromOutside = await world.run(['keys', 'rotate'], { FJMCP_BROKER_KEY: key })
    expect(fromOutside.code).toBe(1)
    expect(fromOutside.stderr).toContain('FJMCP_BROKER_KEY')
    rmSync(`${world.storePath}.key`)
    await world.start({ FJMCP_BROKER_KEY: key })
    expect(existsSync(`${world.storePath}.key`)).toBe(false)
  })

  test('that was changed only half way opens everything still', async () => {
    await using world = await openWorld({ program })
    const session = await (await world.login('alice')).open()
    await world.broker.stop()
    const path = `${world.storePath}.key`
    const key = readFileSync(path, 'utf8')
    const { stdout: fresh } = await world.run(['keys', 'generate'])
    // What a rotation leaves that is killed after it wrote the file and before it sealed anything anew.
    writeFileSync(path, fresh + key)
    await world.start()
    expect(await session.whoami()).toBe('alice')
    await world.broker.stop()
    expect((await world.run(['keys', 'rotate'])).code).toBe(0)
    expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(1)
    await world.start()
    expect(await session.whoami()).toBe('alice')
  })
})

oneProgram('a backup', (program) => {
  test('is taken while the broker runs, and brings everybody back', async () => {
    await using world = await openWorld({ program })
    const alice = await world.login('alice')
    const session = await alice.open()
    await session.whoami()
    const copy = join(world.folder, 'copy.db')
    const taken = await world.run(['backup', copy])
    expect(taken).toMatchObject({ code: 0, stderr: '' })
    expect(taken.stdout).toContain('The sealing key is not in it')
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    const again = await world.run(['backup', copy])
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('exists')

    const bob = await world.login('bob')
    await world.broker.stop('SIGKILL')
    for (const end of ['', '-wal', '-shm']) rmSync(`${world.storePath}${end}`, { force: true })
    copyFileSync(copy, world.storePath)
    await world.start()
    expect(await session.whoami()).toBe('alice')
    await alice.refresh()
    expect(await session.whoami()).toBe('alice')
    // He came after the backup: he is not known, and has a way back.
    await expect(bob.open()).rejects.toThrow('401')
    expect(await (await (await world.login('bob')).open()).whoami()).toBe('bob')
  })
})
