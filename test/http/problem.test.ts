import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHttpKit, form, type HttpKit, json } from './kit.ts'

const SECRET = 'a secret of the store at /var/lib/broker.db'

let kit: HttpKit
beforeEach(() => {
  const fail = (): never => {
    throw new Error(SECRET)
  }
  kit = createHttpKit({
    deps: {
      clients: { register: fail },
      authorization: { begin: fail, decide: fail, visit: fail, callback: fail },
      tokens: { exchange: fail, revoke: fail },
      verifier: { verify: fail, holds: fail, forget: fail },
    },
  })
})
afterEach(() => kit.close())

describe('a failure of ours', () => {
  const cases: [string, Parameters<HttpKit['send']>[1]][] = [
    ['/oauth/register', json({})],
    ['/oauth/token', form({})],
    ['/oauth/revoke', form({})],
    ['/oauth/authorize', {}],
    ['/oauth/callback', {}],
    ['/oauth/consent', form({})],
    ['/mcp', { method: 'POST', headers: { authorization: 'Bearer abc' } }],
  ]

  test.each(cases)(
    'on %s is a 500 that tells nothing but an id, which the log has too',
    async (path, init) => {
      const response = await kit.send(path, init)
      expect(response.status).toBe(500)
      const text = await response.text()
      expect(text).not.toContain('secret')
      expect(text).not.toContain('.ts')
      const id = /error_[0-9a-f]{24}/.exec(text)?.[0] ?? 'no id'
      const [line] = kit.lines.filter(({ level }) => level === 'error')
      expect(line?.fields.id).toBe(id)
      expect(String(line?.fields.error)).toContain(SECRET)
      expect(response.headers.get('cache-control')).toBe('no-store')
    },
  )

  test('speaks as its path does', async () => {
    expect(await (await kit.send('/oauth/token', form({}))).json()).toMatchObject({
      error: 'server_error',
    })
    const mcp = await kit.send('/mcp', { method: 'POST', headers: { authorization: 'Bearer abc' } })
    expect(await mcp.json()).toMatchObject({ jsonrpc: '2.0', error: { code: -32603 }, id: null })
    const page = await kit.send('/oauth/authorize')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("form-action 'none'")
  })

  test('can be read by the page that asked', async () => {
    const response = await kit.send('/oauth/token', form({}, { origin: 'https://any.example' }))
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })
})
