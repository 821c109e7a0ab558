import { Elysia } from 'elysia'
import type { HttpDeps } from './deps.ts'
import { readForm } from './forms.ts'

const NOT_STORED = { 'Cache-Control': 'no-store', Pragma: 'no-cache' }

/** The token endpoint (RFC 6749 §3.2) and the revocation endpoint (RFC 7009 §2). */
export const tokenRoutes = ({ tokens }: Pick<HttpDeps, 'tokens'>) =>
  new Elysia({ name: 'token' })
    .post(
      '/oauth/token',
      async ({ request }) =>
        Response.json(await tokens.exchange(await readForm(request)), { headers: NOT_STORED }),
      { parse: 'none' },
    )
    .post(
      '/oauth/revoke',
      async ({ request }) => {
        tokens.revoke(await readForm(request))
        return new Response(null, { status: 200, headers: NOT_STORED })
      },
      { parse: 'none' },
    )
