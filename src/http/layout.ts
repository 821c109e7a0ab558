import { s256 } from '../crypto.ts'
import { type Html, html, trusted } from './html.ts'
import { STYLE } from './style.ts'

/** The only style that a page may apply: its hash, as CSP wants it written. */
const STYLE_SOURCE = `'sha256-${Buffer.from(s256(STYLE), 'base64url').toString('base64')}'`

/** Two prongs that meet: a fork and a join, drawn in place of an image file. */
const MARK =
  '<svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path d="M6 4v6a6 6 0 0 0 6 6m6-12v6a6 6 0 0 1-6 6v4" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"/><circle cx="6" cy="4" r="2.5" fill="currentColor"/><circle cx="18" cy="4" r="2.5" fill="currentColor"/><circle cx="12" cy="20" r="2.5" fill="currentColor"/></svg>'

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Cpath d='M6 4v6a6 6 0 0 0 6 6m6-12v6a6 6 0 0 1-6 6v4' fill='none' stroke='%23b8430f' stroke-width='3' stroke-linecap='round'/%3E%3C/svg%3E"

export interface Page {
  status: number
  /** The document's title; the program's name is added. */
  title: string
  body: Html
  /** Where forms of the page may lead, redirects included (Chrome checks each of them); none when not given. */
  formAction?: readonly string[]
  headers?: Record<string, string>
  /** For pages with more on them than a question. */
  wide?: boolean
}

/**
 * Answers with a page: no script, no outside resource, in nobody's frame, kept by no cache. `no-referrer` makes
 * browsers send `Origin: null` with the form, which the consent route expects.
 */
export function pageResponse(page: Page): Response {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${page.title} – fjmcp-broker</title>
<link rel="icon" href="${ICON}">
<style>${trusted(STYLE)}</style>
</head>
<body>
<div class="card${page.wide && ' wide'}">
<header>${trusted(MARK)}<span>fjmcp-broker</span></header>
<main>
${page.body}
</main>
</div>
</body>
</html>
`
  return new Response(document.html, {
    status: page.status,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': contentSecurityPolicy(page.formAction ?? []),
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'X-Robots-Tag': 'noindex',
      'Cache-Control': 'no-store',
      ...page.headers,
    },
  })
}

const contentSecurityPolicy = (formAction: readonly string[]): string =>
  [
    "default-src 'none'",
    `style-src ${STYLE_SOURCE}`,
    'img-src data:',
    `form-action ${formAction.length > 0 ? formAction.join(' ') : "'none'"}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
