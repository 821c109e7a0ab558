import type { Config } from '../config.ts'

/**
 * Whether a form was sent from our own page. Its `no-referrer` makes the Origin `null`, so Sec-Fetch-Site decides
 * where the browser sends it; the form's own token and the Lax cookie stand behind both.
 */
export function isOwnForm(request: Request, { publicUrl }: Pick<Config, 'publicUrl'>): boolean {
  const site = request.headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin') return false
  const origin = request.headers.get('origin')
  return origin === null || origin === 'null' || origin === publicUrl
}
