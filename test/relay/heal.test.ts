import { expect, test } from 'bun:test'
import { MAX_HELD_BYTES } from '../../src/relay/exchange.ts'
import { type Bench, bench, later, ready, type Seen } from './harness.ts'

const dead = { kind: 'dead', reason: 'superseded' } as const
const tokenOf = (seen: Seen) => seen.headers.get('authorization')?.replace('token ', '') ?? ''

/** Forgejo 16: refuses all tokens but these, and writes what it was given into the body. */
const accepting =
  (...tokens: string[]): Bench['handler'] =>
  (seen) =>
    tokens.includes(tokenOf(seen))
      ? undefined
      : Response.json(
          { message: `access token does not exist [sha: ${tokenOf(seen)}]`, url: 'x' },
          { status: 401 },
        )

const post = (b: Bench, child: { credential: string }, body: string | ReadableStream = '{}') =>
  b.ask(child, '/api/v1/repos/a/b/issues', { method: 'POST', body })

const LOGIN_AGAIN = {
  message:
    'Forgejo no longer accepts the sign-in of this account: connect this server again in the client and sign in to Forgejo',
  url: 'https://forge.example/api/swagger',
}

test('a 401 is healed by one renewal and a repeat, body and all, for every method', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
    await using b = bench(accepting('token-two'))
    const child = await b.child()
    const body = method === 'GET' ? undefined : '{"title":"x"}'
    const response = await b.ask(child, '/api/v1/repos/a/b/issues', {
      method,
      ...(body && { body }),
    })
    expect(response.status).toBe(200)
    expect(b.vault.calls).toEqual(['rejected token-one'])
    expect(b.seen.map(tokenOf)).toEqual(['token-one', 'token-two'])
    expect(b.seen[1]?.body).toBe(body ?? '')
  }
})

test('the time of a renewal is not held against Forgejo', async () => {
  await using b = bench(accepting('token-two'))
  const child = await b.child()
  b.vault.onRenew = () => b.clock.advance(61_000)
  expect((await b.ask(child, '/api/v1/user')).status).toBe(200)
})

test('when the token changed meanwhile the current one is tried and nothing is renewed', async () => {
  await using b = bench()
  const child = await b.child()
  b.handler = (seen) => {
    b.vault.current = ready('token-two', 2)
    return accepting('token-two')(seen, new Request(b.base))
  }
  expect((await post(b, child)).status).toBe(200)
  expect(b.vault.calls).toEqual([])
  expect(b.seen).toHaveLength(2)
})

test('a second 401 is the end: the fixed answer, without Forgejo’s body', async () => {
  await using b = bench(accepting())
  const child = await b.child()
  const response = await post(b, child)
  expect(response.status).toBe(401)
  expect(await response.json()).toEqual(LOGIN_AGAIN)
  expect(b.seen).toHaveLength(2)
})

test('a token that the vault finds good all the same is not tried twice', async () => {
  await using b = bench(accepting())
  const child = await b.child()
  b.vault.next = b.vault.current
  expect(await (await post(b, child)).json()).toEqual(LOGIN_AGAIN)
  expect(b.seen).toHaveLength(1)
})

test('a dead vault is the fixed 401, and Forgejo is not asked', async () => {
  await using b = bench()
  const child = await b.child()
  b.vault.current = dead
  const response = await b.ask(child, '/api/v1/user')
  expect(response.status).toBe(401)
  expect(await response.json()).toEqual(LOGIN_AGAIN)
  expect(b.seen).toHaveLength(0)
})

test('a vault that dies of the renewal is the fixed 401', async () => {
  await using b = bench(accepting())
  const child = await b.child()
  b.vault.next = dead
  expect(await (await post(b, child)).json()).toEqual(LOGIN_AGAIN)
})

test('a token that cannot be renewed now is 503 with Retry-After, before and after a 401', async () => {
  await using b = bench(accepting())
  const child = await b.child()
  b.vault.next = later
  const after = await post(b, child)
  expect([after.status, after.headers.get('retry-after')]).toEqual([503, '7'])
  const before = await post(b, child)
  expect([before.status, before.headers.get('retry-after')]).toEqual([503, '7'])
  expect(b.seen).toHaveLength(1)
})

test('an expired token is renewed before anything is sent', async () => {
  await using b = bench(accepting('token-two'))
  const child = await b.child()
  b.vault.current = later
  expect((await post(b, child)).status).toBe(200)
  expect(b.vault.calls).toEqual(['renew'])
  expect(b.seen.map(tokenOf)).toEqual(['token-two'])
})

test('a body that cannot be sent twice goes out once, with a token just found good', async () => {
  const unknownLength = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('short'))
      controller.close()
    },
  })
  for (const body of ['x'.repeat(MAX_HELD_BYTES + 1), unknownLength]) {
    await using b = bench(accepting('token-two'))
    const child = await b.child()
    expect((await post(b, child, body)).status).toBe(200)
    expect(b.seen.map((seen) => [seen.target, tokenOf(seen)])).toEqual([
      ['/api/v1/version', 'token-one'],
      ['/api/v1/version', 'token-two'],
      ['/api/v1/repos/a/b/issues', 'token-two'],
    ])
  }
})

test('a probe that Forgejo refuses is the answer, and the body is not sent', async () => {
  const prohibited = { message: 'This account is prohibited from signing in.' }
  await using b = bench(() => Response.json(prohibited, { status: 403 }))
  const child = await b.child()
  const response = await post(b, child, 'x'.repeat(MAX_HELD_BYTES + 1))
  expect(response.status).toBe(403)
  expect(await response.json()).toEqual(prohibited)
  expect(b.seen.map(({ target }) => target)).toEqual(['/api/v1/version'])
})

test('a token that dies between probe and body is renewed, and the child told to try again', async () => {
  await using b = bench()
  const child = await b.child()
  b.handler = (seen) =>
    seen.target === '/api/v1/version' ? undefined : accepting()(seen, new Request(b.base))
  const response = await post(b, child, 'x'.repeat(MAX_HELD_BYTES + 1))
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
  expect(b.vault.calls).toEqual(['rejected token-one'])
  expect(b.seen).toHaveLength(2)
})

test('nothing but a 401 is repeated', async () => {
  for (const status of [403, 404, 409, 429, 500, 502, 503]) {
    await using b = bench(() => new Response('no', { status, headers: { 'retry-after': '3' } }))
    const child = await b.child()
    const response = await post(b, child)
    expect([response.status, response.headers.get('retry-after')]).toEqual([status, '3'])
    expect(b.seen).toHaveLength(1)
    expect(b.vault.calls).toEqual([])
  }
})
