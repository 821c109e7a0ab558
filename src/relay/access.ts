import type { Credential } from '../oauth/credential.ts'
import { err, ok, type Result } from '../result.ts'
import type { Bases } from './bases.ts'
import type { createCleaner } from './clean.ts'
import type { Credentials } from './heal.ts'
import type { Lease, Passes } from './passes.ts'
import { MAX_RETRY_MS } from './refusals.ts'
import type { Version } from './version.ts'

type Ready = Extract<Credential, { kind: 'ready' }>

/** What one child needs to reach Forgejo. */
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
  /** Asks Forgejo whether it still takes the child's own token; true when it does not. */
  doubt?(): Promise<boolean>
  /** Whether the token was found to be over because of what any child of the account said. */
  refused?(): boolean
  /** Ends the access. Safe to call twice. */
  release(): void
}

/** Why there is no access: the user must log in again, it may work later, or the operator must mend something. */
export interface AccessRefusal {
  kind: 'login' | 'later' | 'operator'
  reason: string
  retryAfterMs?: number
}

export interface AccessRequest extends Lease {
  /** False for a standby that belongs to nobody yet. */
  leased: boolean
}

interface AccessDeps {
  bases: Bases
  vault: Credentials
  passes: Passes
  version: Version
  clean: ReturnType<typeof createCleaner>
}

/**
 * Opens the access of one child: the relay for its Forgejo and a fresh pass for its token. Waits for the vault and for
 * Forgejo only while no version was ever learnt, because then the child could not start anyway.
 */
export async function openAccess(
  deps: AccessDeps,
  request: AccessRequest,
): Promise<Result<ChildAccess, AccessRefusal>> {
  const { accountId, leased } = request
  const known = deps.vault.peek(accountId)
  if (known.kind === 'dead') return err({ kind: 'login', reason: known.reason })
  if (deps.version.known() === undefined) {
    const refusal = await firstVersion(deps, accountId)
    if (refusal) return err(refusal)
  }
  const { relay } = deps.bases
  const { leased: _, ...lease } = request
  const pass = deps.passes.issue(lease, leased)
  // Asked for with each line of the child; the vault's list stays the same while its tokens do.
  let tokens: readonly string[] | undefined
  let all: readonly string[] = []
  const secrets = () => {
    const now = deps.vault.secrets(accountId)
    if (now !== tokens) all = [pass, ...now]
    tokens = now
    return all
  }
  return ok({
    url: relay,
    credential: pass,
    env: proxyVariables(relay),
    secrets,
    clean: (text) => deps.clean(text, secrets()),
    lease({ clientId, scopes }) {
      const now = deps.vault.peek(accountId)
      if (now.kind === 'dead') return err({ kind: 'login', reason: now.reason })
      const leased = deps.passes.lease(pass, { accountId, scopes, ...(clientId && { clientId }) })
      return leased ? ok(undefined) : err({ kind: 'later', reason: 'the pass has ended' })
    },
    release: () => deps.passes.kill(pass),
  })
}

/** The account's credential when it is ready, waiting for the vault's one shared renewal when it is not. */
export async function readyCredential(
  vault: Credentials,
  accountId: string,
): Promise<Result<Ready, AccessRefusal>> {
  const known = vault.peek(accountId)
  const credential = known.kind === 'later' ? await vault.renew(accountId) : known
  switch (credential.kind) {
    case 'ready':
      return ok(credential)
    case 'dead':
      return err({ kind: 'login', reason: credential.reason })
    case 'later': {
      const { operator, reason, retryAfterMs } = credential
      return err({ kind: operator ? 'operator' : 'later', reason, retryAfterMs })
    }
  }
}

async function firstVersion(
  deps: AccessDeps,
  accountId: string,
): Promise<AccessRefusal | undefined> {
  const credential = await readyCredential(deps.vault, accountId)
  if (!credential.ok) return credential.error
  const version = await deps.version.get(accountId)
  if (version.ok) return undefined
  const { status, message, retryAfterMs = 5_000 } = version.error
  const now = deps.vault.peek(accountId)
  if (now.kind === 'dead') return { kind: 'login', reason: now.reason }
  if (status === 403 || status === 404) return { kind: 'operator', reason: message }
  return { kind: 'later', reason: message, retryAfterMs: Math.min(retryAfterMs, MAX_RETRY_MS) }
}

/** Everything but the relay itself goes to the relay, which refuses to be a proxy: a child reaches nothing else. */
function proxyVariables(relay: string): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']) {
    variables[name] = relay
    variables[name.toLowerCase()] = relay
  }
  const { host } = new URL(relay)
  return { ...variables, NO_PROXY: host, no_proxy: host }
}
