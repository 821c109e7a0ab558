import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHttpKit, form, type HttpKit } from './kit.ts'

let kit: HttpKit
beforeEach(() => {
  kit = createHttpKit()
})
afterEach(() => kit.close())

const cookieOf = (response: Response) =>
  (response.headers.get('set-cookie') ?? '').split(';')[0] ?? ''

async function ask(changes: Record<string, string | undefined> = {}) {
  const response = await kit.send(
    `/oauth/authorize?${kit.flow.query(kit.flow.client('<i>App</i>'), changes)}`,
  )
  const page = await response.text()
  const ticket = /name="ticket" value="([^"]+)"/.exec(page)?.[1] ?? ''
  return { response, page, ticket, cookie: cookieOf(response) }
}

const decide = (
  decision: string,
  { ticket, cookie }: { ticket: string; cookie: string },
  headers: Record<string, string> = {},
) => kit.send('/oauth/consent', form({ ticket, decision }, { cookie, ...headers }))

describe('the way through', () => {
  test('goes from the consent page to Forgejo and back to the client with a code', async () => {
    const asked = await ask()
    expect(asked.response.status).toBe(200)
    const sent = await decide('allow', asked)
    expect(sent.status).toBe(303)
    const forgejo = new URL(sent.headers.get('location') ?? '')
    expect(forgejo.origin).toBe('https://forge.example')
    const state = forgejo.searchParams.get('state') ?? ''
    const back = await kit.send(
      `/oauth/callback?${new URLSearchParams({ code: 'upstream', state })}`,
      {
        headers: { cookie: asked.cookie },
      },
    )
    expect(back.status).toBe(302)
    const client = new URL(back.headers.get('location') ?? '')
    expect(client.origin + client.pathname).toBe('https://app.example/callback')
    expect(client.searchParams.get('code')).toBeTruthy()
    expect(client.searchParams.get('state')).toBe('client-state')
    expect(client.searchParams.get('iss')).toBe('https://broker.example')
    for (const response of [sent, back]) {
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    }
  })

  test('ends with access_denied when the user says no', async () => {
    const sent = await decide('deny', await ask())
    expect(sent.status).toBe(303)
    expect(new URL(sent.headers.get('location') ?? '').searchParams.get('error')).toBe(
      'access_denied',
    )
  })

  test('goes back to the client when only its request is wrong', async () => {
    const { response } = await ask({ code_challenge_method: 'plain' })
    expect(response.status).toBe(302)
    expect(new URL(response.headers.get('location') ?? '').searchParams.get('error')).toBe(
      'invalid_request',
    )
  })

  test('sees a repeated parameter as repeated', async () => {
    const query = kit.flow.query(kit.flow.client())
    const { status, headers } = await kit.send(`/oauth/authorize?${query}&state=again`)
    expect([status, new URL(headers.get('location') ?? 'x:').searchParams.get('error')]).toEqual([
      302,
      'invalid_request',
    ])
  })

  test('stays on a page of ours when the redirect URI is not the client’s', async () => {
    const { response, page } = await ask({ redirect_uri: 'https://evil.example/' })
    expect(response.status).toBe(400)
    expect(response.headers.has('location')).toBe(false)
    expect(page).toContain('<h1>')
  })
})

describe('the browser’s cookie', () => {
  test('is a host cookie over https', async () => {
    const { response } = await ask()
    expect(response.headers.get('set-cookie')).toMatch(
      /^__Host-fjmcp_browser=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax; Max-Age=86400$/,
    )
  })

  test('has no prefix and no Secure on http loopback, where browsers refuse both', async () => {
    kit.close()
    kit = createHttpKit({ config: { publicUrl: 'http://localhost:8080' } })
    const { response } = await ask()
    expect(response.headers.get('set-cookie')).toMatch(
      /^fjmcp_browser=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=86400$/,
    )
  })

  test('must come along with the answer', async () => {
    const asked = await ask()
    for (const cookie of [
      '',
      '__Host-fjmcp_browser=x',
      `__Host-fjmcp_browser=${'A'.repeat(43)}`,
      asked.cookie.replace('__Host-', ''),
    ]) {
      const response = await decide('allow', { ...asked, cookie })
      expect(response.status).toBe(403)
      expect(response.headers.has('location')).toBe(false)
    }
    expect((await decide('allow', { ...asked, cookie: `a=1; ${asked.cookie}; b=2` })).status).toBe(
      303,
    )
  })
})

describe('the consent form', () => {
  test('is taken from our own page only', async () => {
    const asked = await ask()
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { origin: 'https://evil.example' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    ]) {
      const response = await decide('allow', asked, headers as Record<string, string>)
      expect(response.status).toBe(403)
      expect(response.headers.has('location')).toBe(false)
    }
    // What browsers send from a page with Referrer-Policy: no-referrer.
    const own = await decide('allow', asked, { origin: 'null', 'sec-fetch-site': 'same-origin' })
    expect(own.status).toBe(303)
  })

  test('that is no form, or too large, is answered with a page', async () => {
    const { cookie } = await ask()
    const typed = await kit.send('/oauth/consent', {
      ...form({}, { cookie }),
      headers: { 'content-type': 'text/plain' },
    })
    expect(typed.status).toBe(400)
    expect(typed.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const huge = await kit.send('/oauth/consent', form({ ticket: 'x'.repeat(70_000) }, { cookie }))
    expect(huge.status).toBe(413)
  })
})

describe('the consent page', () => {
  test('shows the client’s name as text, and names the redirect host', async () => {
    const { page } = await ask()
    expect(page).toContain('&lt;i&gt;App&lt;/i&gt;')
    expect(page).not.toContain('<i>')
    expect(page).toContain('<code>app.example</code>')
    expect(page).not.toContain('class="warning"')
  })

  test('offers three choices with what each area lets the app do, all of them within what was asked', async () => {
    const { page } = await ask()
    for (const choice of ['Read only', 'Read and write', 'Choose by area'])
      expect(page).toContain(`<strong>${choice}</strong>`)
    expect(page).toContain('name="access" value="write" checked')
    expect(page).toContain('Open, edit, close and delete issues')
    expect(page).toContain('name="area.issue" value="write" checked')
    expect(page).not.toContain('name="area.user" value="write"')
    const narrow = await ask({ scope: 'read:user' })
    expect(narrow.page).not.toContain('Repositories')
    expect(narrow.page).not.toContain('<input type="radio"')
  })

  test('offers no choice where children hold the token itself: nobody could hold a login to less', async () => {
    kit.close()
    kit = createHttpKit({ config: { childCredential: 'token' } })
    const { page } = await ask()
    expect(page).not.toContain('<input type="radio"')
    expect(page).toContain('Open, edit, close and delete issues')
  })

  test('has the last choice of the same browser marked, in a cookie that proves nothing', async () => {
    const asked = await ask()
    const { ticket, cookie } = asked
    const sent = await kit.send(
      '/oauth/consent',
      form({ ticket, decision: 'allow', access: 'read' }, { cookie }),
    )
    const choice = sent.headers.getSetCookie().find((each) => each.includes('fjmcp_choice'))
    expect(choice).toBe(
      '__Host-fjmcp_choice=read; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=31536000',
    )
    const query = kit.flow.query(kit.flow.client('Another'))
    const page = async (cookie: string) =>
      (await kit.send(`/oauth/authorize?${query}`, { headers: { cookie } })).text()
    expect(await page('__Host-fjmcp_choice=read')).toContain('name="access" value="read" checked')
    expect(await page('__Host-fjmcp_choice=bogus')).toContain('name="access" value="write" checked')
    const byArea = await page('__Host-fjmcp_choice=repository-r.issue-n.')
    expect(byArea).toContain('name="access" value="areas" checked')
    expect(byArea).toContain('name="area.repository" value="read" checked')
    expect(byArea).toContain('name="area.user" value="none" checked')
  })

  test('asks again, and uses nothing up, when no area is given', async () => {
    const { ticket, cookie } = await ask()
    const nothing = { 'area.repository': 'none', 'area.issue': 'none', 'area.user': 'none' }
    const again = await kit.send(
      '/oauth/consent',
      form(
        { ticket, decision: 'allow', access: 'areas', ...nothing },
        { cookie: `${cookie}; __Host-fjmcp_choice=read` },
      ),
    )
    expect(again.status).toBe(400)
    const page = await again.text()
    expect(page).toContain('role="alert"')
    expect(page).toContain('name="access" value="read" checked')
    expect((await decide('allow', { ticket, cookie })).status).toBe(303)
  })

  test('is in nobody’s frame, runs nothing, and lets its form lead to three places only', async () => {
    const { headers } = (await ask()).response
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; img-src data:; form-action 'self' https:\/\/forge\.example https:\/\/app\.example; frame-ancestors 'none'; base-uri 'none'$/,
    )
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
  })

  test.each([
    ['http://localhost:1234/cb', 'http://localhost:1234', 'localhost:1234', 'on this computer'],
    ['http://[::1]:1234/cb', 'http:', '[::1]:1234', 'on this computer'],
    ['cursor://anysphere/cb', 'cursor:', 'cursor:', 'opens “cursor:” links'],
  ])('warns of %s', async (uri, source, shown, warning) => {
    const client = kit.flow.client('App', [uri])
    const response = await kit.send(`/oauth/authorize?${kit.flow.query(client)}`)
    const page = await response.text()
    expect(page).toContain('class="warning"')
    expect(page).toContain(warning)
    expect(page).toContain(`<code>${shown}</code>`)
    expect(response.headers.get('content-security-policy')).toContain(
      `form-action 'self' https://forge.example ${source};`,
    )
  })
})
