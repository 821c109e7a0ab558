import { hashToken, randomToken, type TokenHash } from '../crypto.ts'

/** What a child may do, and for whom. */
export interface Lease {
  accountId: string
  /** The child's effective scopes, family ∩ grant, as of the lease; empty while nobody leased it. */
  scopes: readonly string[]
  /** The client whose grant caps them; undefined for a standby. */
  clientId?: string
}

/** The holder of a living pass: one child. */
export interface Holder {
  lease: Lease
  /** False for a standby: it may ask for the version and nothing else. */
  leased: boolean
  /** The pass is no longer good; requests that came before may still be on their way. */
  dead: boolean
  /** Called when the pass dies: ends the child's reads upstream. */
  readonly onDeath: Set<() => void>
}

/** The living passes. Only hashes are kept, so looking one up takes no time that depends on its bytes. */
export interface Passes {
  /** A fresh pass, for nothing but the relay. */
  issue(lease: Lease, leased: boolean): string
  /** The holder of the pass in an Authorization header (`token` or `Bearer`); undefined for none, a wrong or a dead one. */
  find(authorization: string | null): Holder | undefined
  /** Leases a standby's pass, or changes what its child may do; false when the pass is dead. */
  lease(pass: string, lease: Lease): boolean
  /** Ends a pass. Safe to call twice. */
  kill(pass: string): void
}

/** An empty set of passes. */
export function createPasses(): Passes {
  const holders = new Map<TokenHash, Holder>()
  return {
    issue(lease, leased) {
      const pass = randomToken('fjpass_')
      holders.set(hashToken(pass), { lease, leased, dead: false, onDeath: new Set() })
      return pass
    },
    find(authorization) {
      const pass = /^(?:token|bearer) +(\S+)$/i.exec(authorization ?? '')?.[1]
      return pass === undefined ? undefined : holders.get(hashToken(pass))
    },
    lease(pass, lease) {
      const holder = holders.get(hashToken(pass))
      if (!holder || holder.lease.accountId !== lease.accountId) return false
      holder.lease = lease
      holder.leased = true
      return true
    },
    kill(pass) {
      const hash = hashToken(pass)
      const holder = holders.get(hash)
      if (!holder) return
      holders.delete(hash)
      holder.dead = true
      for (const end of holder.onDeath) end()
    },
  }
}
