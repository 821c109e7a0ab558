import { Elysia } from 'elysia'
import type { HttpDeps } from './deps.ts'
import { homePage } from './home-page.ts'

/** The front page. */
export const homeRoutes = ({ policy, config }: Pick<HttpDeps, 'policy' | 'config'>) =>
  new Elysia({ name: 'home' }).get('/', () => homePage(policy, config.forgejoUrl))
