import type { ScopeChoice } from './choice.ts'

/** What the authorize endpoint, the consent form and the callback can come to. */
export type AuthorizeOutcome =
  | { kind: 'consent'; view: ConsentView; browser: string }
  /** `remember` is the user's choice, for the browser to keep: the next page has it marked. */
  | { kind: 'redirect'; location: string; browser?: string; remember?: string }
  | { kind: 'page'; problem: Problem }
  /** Somebody signed in to look at their own connections; `page` is the value of that cookie. */
  | { kind: 'signed-in'; page: string }

/** What the consent page shows, and what its form must send back. */
export interface ConsentView {
  /** The one-time ticket of this authorization: a hidden field of the form. */
  ticket: string
  /** The client's own claim about its name: capped, without control and bidi characters. */
  clientName: string
  /** The client_id when it is a metadata document's URL: a name that the client could not make up. */
  clientUrl?: string
  /** Where the browser will be sent back to: host (and port), or the private scheme. */
  redirectHost: string
  /** What kind of place that is; anything but `web` gets a warning. */
  redirectKind: 'web' | 'loopback' | 'private-scheme'
  /** The CSP source for that place: its origin, its `scheme:`, or `http:` for IPv6 loopback. */
  redirectSource: string
  /** What the client asks for. */
  scopes: readonly string[]
  /** What can be given of it, and what is marked. */
  choice: ScopeChoice
  /** What is marked: all that the client asks for, the browser's last choice, or what the client had and lacks now. */
  marked: 'all' | 'recalled' | 'needed'
  /** What was wrong with the answer that was given, when the page is shown once more. */
  problem?: 'unclear' | 'nothing'
  /** Forgejo's public base, which signs the user in next. */
  forgejoUrl: string
}

/** A local error page: shown where redirecting to the client would not be safe. */
export interface Problem {
  /** HTTP status, 400 unless said otherwise. */
  status: number
  title: string
  /** What happened, in a sentence or two a person understands. */
  text: string
  /** What to do about it. */
  advice?: string
  /** A link that helps: to Forgejo's application settings, say. */
  link?: { href: string; label: string }
}
