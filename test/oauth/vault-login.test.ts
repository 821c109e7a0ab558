import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/clock.ts'
import { err, ok } from '../../src/result.ts'
import { createVaultKit, failures, type VaultKit } from './vault-kit.ts'

let kit: VaultKit
beforeEach(() => {
  kit = createVaultKit()
})
afterEach(() => kit.close())

const stranded = () => kit.store.vaults.listStranded()

describe('a login', () => {
  test('makes an account and its vault', async () => {
    expect(await kit.login()).toMatchObject({
      ok: true,
      value: { sub: '7', login: 'alice', missingScopes: [] },
    })
    const account = kit.store.accounts.findBySub('7')
    expect(kit.token(account?.id ?? '')).toStartWith('access-1-1-')
    expect(kit.store.vaults.get(account?.id ?? '')?.scopes).toEqual(['read:user', 'write:issue'])
    expect(stranded()).toEqual([])
    expect(kit.told).toEqual([])
  })

  test('of a user who has another name now is the same account', async () => {
    const id = await kit.account()
    kit.forgejo.login = 'alicia'
    expect(await kit.account()).toBe(id)
    expect(kit.store.accounts.get(id)?.login).toBe('alicia')
  })

  test('of another user in the same browser touches nobody else', async () => {
    const alice = await kit.account()
    const token = kit.token(alice)
    Object.assign(kit.forgejo, { sub: '8', login: 'bob', gnt: '2', cnt: 0 })
    const bob = await kit.account()
    expect(bob).not.toBe(alice)
    expect(kit.token(alice)).toBe(token)
    expect(kit.token(bob)).toStartWith('access-2-1-')
  })

  test('after the user took the grant away ends the older logins, if the broker was stopped before it could', async () => {
    const id = await kit.account()
    const now = kit.clock.now()
    kit.store.clients.insert(now, {
      id: 'client_1',
      kind: 'dynamic',
      name: 'App',
      redirectUris: [],
      metadata: {},
    })
    kit.store.grants.add(now, { id: 'grant_1', accountId: id, clientId: 'client_1', scopes: [] })
    const family = { grantId: 'grant_1', scopes: [], resource: 'r' }
    kit.store.families.add(now, { id: 'family_1', ...family })
    kit.forgejo.refreshes.push(failures.revoked)
    await kit.vault.renew(id)
    // Nobody heard of it.
    expect(kit.told).toEqual(['died revoked'])
    kit.restart()
    await kit.account()
    expect(kit.store.families.find('family_1')?.revokedReason).toBe('revoked at Forgejo')
    kit.store.families.add(now, { id: 'family_2', ...family })
    await kit.account()
    expect(kit.store.families.find('family_2')?.revokedAt).toBeNull()
  })

  test('from a second client takes the vault over: its pair is the one that Forgejo still knows', async () => {
    const id = await kit.account()
    await kit.account()
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.told).toEqual(['renewed'])
    await kit.clock.advance(HOUR_MS)
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 3 })
  })

  test('tells which scopes an older grant keeps from it, read being part of write', async () => {
    kit.forgejo.scopes = ['write:user']
    expect(await kit.login()).toMatchObject({ value: { missingScopes: ['write:issue'] } })
    kit.forgejo.scopes = ['all']
    expect(await kit.login()).toMatchObject({ value: { missingScopes: [] } })
    kit.forgejo.introspections.push(failures.down)
    expect(await kit.login()).toMatchObject({ value: { missingScopes: [] } })
  })

  test('of a user who is not let in leaves nothing here', async () => {
    kit.close()
    kit = createVaultKit({ allowedUsers: ['bob', 'sub:9'] })
    expect(await kit.login()).toEqual(
      err({ kind: 'not-allowed', login: 'alice', reason: 'alice (sub:7) is not on the list' }),
    )
    expect(kit.store.accounts.findBySub('7')).toBeUndefined()
    expect(stranded()).toEqual([])
    Object.assign(kit.forgejo, { sub: '9', login: 'carol' })
    expect(await kit.login()).toMatchObject({ ok: true })
    Object.assign(kit.forgejo, { sub: '10', login: 'Bob' })
    expect(await kit.login()).toMatchObject({ ok: true })
  })
})

describe('a login that comes to nothing', () => {
  test.each([
    ['a used code', { kind: 'again', reason: 'code', detail: 'client is not authorized' }, 'again'],
    ['a wrong secret', failures.operator, 'operator'],
    ['Forgejo away', failures.down, 'later'],
  ] as const)('for %s says who can mend it', async (_, failure, kind) => {
    kit.forgejo.exchanges.push(failure)
    expect(await kit.login()).toEqual(err({ kind, reason: failure.detail }))
    expect(kit.audited('forgejo.refused')).toHaveLength(kind === 'operator' ? 1 : 0)
    expect(kit.forgejo.count('userinfo')).toBe(0)
    expect(stranded()).toEqual([])
  })

  test('for a suspended user keeps the pair, sealed, without an account', async () => {
    kit.forgejo.userinfos.push(failures.suspended)
    expect(await kit.login()).toEqual(err({ kind: 'account', reason: 'a page' }))
    expect(stranded()).toHaveLength(1)
    for (const token of kit.forgejo.given) expect(kit.bytesOnDisk().includes(token)).toBe(false)
    await kit.vault.adoptStranded()
    expect(stranded()).toEqual([])
    expect(kit.store.accounts.findBySub('7')).toBeUndefined()
  })

  test('at userinfo does not cost the account its credential: the pair is adopted later', async () => {
    const id = await kit.account()
    kit.forgejo.userinfos.push(failures.down, failures.down)
    await kit.login()
    await kit.vault.adoptStranded()
    expect(stranded()).toHaveLength(1)
    await kit.vault.adoptStranded()
    expect(stranded()).toEqual([])
    expect(kit.token(id)).toStartWith('access-1-2-')
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', generation: 3 })
  })

  test('at userinfo is what a refused refresh looks for before the credential is given up', async () => {
    const id = await kit.account()
    kit.forgejo.userinfos.push(failures.suspended, failures.suspended)
    await kit.login()
    await kit.login()
    expect(await kit.vault.renew(id)).toMatchObject({ kind: 'ready', token: kit.token(id) })
    expect(kit.token(id)).toStartWith('access-1-3-')
    expect(kit.told).toEqual(['renewed'])
  })

  test('by the broker being killed before userinfo is finished at the next start', async () => {
    const id = await kit.account()
    kit.forgejo.userinfos.push(failures.down)
    await kit.login()
    kit.restart()
    await kit.vault.recover()
    expect(kit.token(id)).toStartWith('access-1-2-')
    expect(kit.forgejo.count('refresh')).toBe(0)
  })

  test('is not taken for interrupted while it is under way', async () => {
    const id = await kit.account()
    const { promise, resolve } = Promise.withResolvers<void>()
    kit.forgejo.userinfos.push(promise)
    const loggingIn = kit.login()
    await kit.clock.settle()
    expect(stranded()).toHaveLength(1)
    const asked = kit.forgejo.count('userinfo')
    await kit.vault.adoptStranded()
    expect(kit.forgejo.count('userinfo')).toBe(asked)
    resolve()
    await loggingIn
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'ready', generation: 2 })
  })

  test('an older interrupted login never takes the place of a newer login', async () => {
    kit.forgejo.userinfos.push(failures.down, failures.down)
    await kit.login()
    kit.forgejo.gnt = '2'
    kit.forgejo.cnt = 0
    await kit.login()
    await kit.clock.advance(SECOND_MS)
    kit.forgejo.gnt = '3'
    kit.forgejo.cnt = 0
    const id = await kit.account()
    const token = kit.token(id)
    await kit.vault.adoptStranded()
    expect(stranded()).toEqual([])
    expect(kit.token(id)).toBe(token)
  })

  test('because Forgejo answers late still leaves its pair with the account', async () => {
    const id = await kit.account()
    let answer = () => {}
    kit.forgejo.exchanges.push((real, late) => {
      const pair = real()
      answer = () => late(pair)
      return err(failures.pending)
    })
    expect(await kit.login()).toMatchObject({ error: { kind: 'later' } })
    answer()
    await kit.clock.settle()
    expect(kit.token(id)).toStartWith('access-1-2-')
    expect(stranded()).toEqual([])
  })
})

describe('exchanges and refreshes', () => {
  /** Holds the next request of a kind until it is released. */
  const hold = (what: 'refreshes' | 'exchanges') => {
    const { promise, resolve } = Promise.withResolvers<void>()
    kit.forgejo[what].push(async (real) => {
      await promise
      return real()
    })
    return async () => {
      resolve()
      await kit.clock.settle()
    }
  }

  test('an exchange waits for the refresh that is under way', async () => {
    const id = await kit.account()
    const release = hold('refreshes')
    const renewing = kit.vault.renew(id)
    const loggingIn = kit.login()
    await kit.clock.settle()
    expect(kit.forgejo.asked.slice(-1)).toEqual(['refresh'])
    await release()
    expect(await renewing).toMatchObject({ kind: 'ready' })
    expect(await loggingIn).toMatchObject({ ok: true })
    expect(kit.token(id)).toStartWith('access-1-3-')
  })

  test('no refresh starts until the pair of an exchange is in its vault, and then none is needed', async () => {
    const id = await kit.account()
    const release = hold('exchanges')
    const loggingIn = kit.login()
    const renewing = kit.vault.renew(id)
    await release()
    await loggingIn
    expect(await renewing).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.forgejo.count('refresh')).toBe(0)
  })

  test('twenty logins at once exchange one after another', async () => {
    let open = 0
    let most = 0
    for (let at = 0; at < 20; at++) {
      kit.forgejo.exchanges.push(async (real) => {
        most = Math.max(most, ++open)
        await Promise.resolve()
        open -= 1
        return real()
      })
    }
    const all = await Promise.all(Array.from({ length: 20 }, () => kit.login()))
    expect(all.every((login) => login.ok)).toBe(true)
    expect(most).toBe(1)
    const id = kit.store.accounts.findBySub('7')?.id ?? ''
    expect(kit.token(id)).toStartWith('access-1-20-')
  })

  test('a Forgejo that hangs holds neither up for more than 15 s', async () => {
    const id = await kit.account()
    const release = hold('exchanges')
    const hanging = kit.login()
    const renewing = kit.vault.renew(id)
    await kit.clock.advance(14 * SECOND_MS)
    expect(kit.forgejo.count('refresh')).toBe(0)
    const next = kit.login()
    await kit.clock.advance(SECOND_MS)
    expect(await renewing).toMatchObject({ kind: 'ready', generation: 2 })
    await kit.clock.advance(14 * SECOND_MS)
    expect(await next).toMatchObject({ ok: true })
    await release()
    expect(await hanging).toMatchObject({ ok: true })
    expect(kit.clock.pending).toBe(0)
  })

  test('of two pairs of one grant the higher counter wins, not the later arrival', async () => {
    const id = await kit.account()
    let first = ok(kit.forgejo.pair())
    kit.forgejo.exchanges.push((real) => {
      const second = real()
      const answer = first
      if (second.ok) first = second
      return answer
    })
    await kit.login()
    kit.forgejo.exchanges.push(() => first)
    await kit.login()
    const token = kit.token(id)
    expect(token).toStartWith('access-1-3-')
    kit.forgejo.exchanges.push(() => ok({ ...kit.forgejo.pair(), cnt: 2 }))
    await kit.login()
    expect(kit.token(id)).toBe(token)
  })
})

describe('what a crash leaves behind', () => {
  test('between Forgejo’s commit and ours is tried once more at start, then one login mends it', async () => {
    const id = await kit.account()
    kit.forgejo.refreshes.push((real) => {
      real()
      return new Promise(() => {})
    })
    void kit.vault.renew(id)
    await kit.clock.settle()
    expect(kit.store.vaults.get(id)?.attemptAt).toBe(kit.clock.now())

    kit.restart()
    await kit.vault.recover()
    expect(kit.forgejo.count('refresh')).toBe(2)
    expect(kit.vault.peek(id)).toEqual({ kind: 'dead', reason: 'lost' })
    await kit.vault.recover()
    expect(kit.forgejo.count('refresh')).toBe(2)
    expect(await kit.account()).toBe(id)
    expect(kit.told).toEqual(['died lost', 'healed'])
  })

  test('before Forgejo had seen the refresh costs nothing', async () => {
    const id = await kit.account()
    kit.forgejo.refreshes.push(() => new Promise(() => {}))
    void kit.vault.renew(id)
    await kit.clock.settle()
    await kit.restart().recover()
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'ready', generation: 2 })
  })

  test('holds up the start no longer than 30 s when Forgejo hangs', async () => {
    const id = await kit.account()
    kit.forgejo.refreshes.push(
      () => new Promise(() => {}),
      () => new Promise(() => {}),
    )
    void kit.vault.renew(id)
    await kit.clock.settle()
    const recovering = kit.restart().recover()
    await kit.clock.advance(30 * SECOND_MS)
    await recovering
    expect(kit.vault.peek(id)).toMatchObject({ kind: 'ready', generation: 1 })
  })
})

describe('a 401 of Forgejo', () => {
  test('to a token of more than a minute is healed by one refresh for all', async () => {
    const id = await kit.account()
    await kit.clock.advance(MINUTE_MS)
    const token = kit.token(id)
    const all = await Promise.all(Array.from({ length: 16 }, () => kit.vault.rejected(id, token)))
    expect(kit.forgejo.count('refresh')).toBe(1)
    expect(all[0]).toMatchObject({ kind: 'ready', generation: 2 })
    const asked = kit.forgejo.asked.length
    expect(await kit.vault.rejected(id, token)).toMatchObject({ kind: 'ready', generation: 2 })
    expect(kit.forgejo.asked).toHaveLength(asked)
    expect(kit.forgejo.count('refresh')).toBe(1)
  })

  test('to a token that is fresh is put to userinfo, once for all; when that accepts it, it stays', async () => {
    const id = await kit.account()
    const token = kit.token(id)
    const before = kit.forgejo.count('userinfo')
    const all = await Promise.all(Array.from({ length: 16 }, () => kit.vault.rejected(id, token)))
    expect(all[15]).toMatchObject({ kind: 'ready', token })
    expect(kit.forgejo.count('userinfo')).toBe(before + 1)
    expect(kit.forgejo.count('refresh')).toBe(0)
  })

  test('to a suspended user’s token is not about the token', async () => {
    const id = await kit.account()
    kit.forgejo.userinfos.push(failures.suspended)
    expect(await kit.vault.rejected(id, kit.token(id))).toMatchObject({ kind: 'ready' })
  })

  test('while userinfo cannot be asked is no reason to give up', async () => {
    const id = await kit.account()
    kit.forgejo.userinfos.push(failures.down)
    expect(await kit.vault.rejected(id, kit.token(id))).toMatchObject({ kind: 'later' })
    expect(kit.forgejo.count('refresh')).toBe(0)
  })

  test('that userinfo confirms right after a login shows that the user took the grant away', async () => {
    const id = await kit.account()
    kit.forgejo.userinfos.push(failures.rejected)
    kit.forgejo.refreshes.push(failures.revoked)
    expect(await kit.vault.rejected(id, kit.token(id))).toEqual({ kind: 'dead', reason: 'revoked' })
    expect(kit.told).toEqual(['died revoked'])
  })

  test('to every token that Forgejo gives brings about one refresh a minute, not more', async () => {
    const id = await kit.account()
    kit.forgejo.userinfos = Array.from({ length: 100 }, () => failures.rejected)
    for (let at = 0; at < 30; at++) {
      await kit.vault.rejected(id, kit.token(id))
      await kit.clock.advance(SECOND_MS)
    }
    expect(kit.forgejo.count('refresh')).toBe(1)
  })
})
