import { Elysia } from 'elysia'
import type { HttpDeps } from './deps.ts'
import { readJson } from './forms.ts'

/** Dynamic client registration (RFC 7591 §3): 201, for an identical registration too. */
export const registerRoutes = ({ clients }: Pick<HttpDeps, 'clients'>) =>
  new Elysia({ name: 'register' }).post(
    '/oauth/register',
    async ({ request }) => {
      const { response } = clients.register(await readJson(request))
      return Response.json(response, {
        status: 201,
        headers: { 'Cache-Control': 'no-store', Pragma: 'no-cache' },
      })
    },
    { parse: 'none' },
  )
