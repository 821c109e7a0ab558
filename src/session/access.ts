import type { Result } from '../result.ts'

/** What one child needs to reach Forgejo: through the relay with a pass, or itself with the account's token. */
export interface ChildAccess {
  /** The child's `--url`. */
  readonly url: string
  /** The child's FORGEJO_ACCESS_TOKEN. */
  readonly credential: string
  /** Proxy variables for its environment. */
  readonly env: Readonly<Record<string, string>>
  /** What must never be read in anything the child says, as of now. */
  secrets(): readonly string[]
  /** The same text without those secrets, and with Forgejo's own URLs in place of the relay's. */
  clean(text: string): string
  /** Gives a standby's access to a caller; what the child may do from now on. */
  lease(lease: Pick<AccessRequest, 'clientId' | 'scopes'>): Result<void, AccessRefusal>
  /**
   * Where the child holds the account's own token: asks Forgejo whether it still takes it, because something the
   * child said sounds as if not. True when the account has another one, or none any more. Absent where a 401 is healed on the way.
   */
  doubt?(): Promise<boolean>
  /** Whether the token was found to be over because of what any child of the account said. */
  refused?(): boolean
  /** Ends the access; called when the child has ended. Safe to call twice. */
  release(): void
}

/** Why there is no access: the user must log in again, it may work later, or the operator must mend something. */
export interface AccessRefusal {
  kind: 'login' | 'later' | 'operator'
  reason: string
  retryAfterMs?: number
}

export interface AccessRequest {
  accountId: string
  /** Whose grant caps what the child may do; undefined for a standby. */
  clientId?: string
  /** What the child's caller may do; it never changes for one child. */
  scopes: readonly string[]
  /** False for a standby that belongs to nobody yet. */
  leased: boolean
}

/** Gives children their access; the relay is one, the account's own token another. */
export interface AccessProvider {
  open(request: AccessRequest): Promise<Result<ChildAccess, AccessRefusal>>
}
