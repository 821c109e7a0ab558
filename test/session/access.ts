import { err, ok } from '../../src/result.ts'
import type { AccessProvider, AccessRefusal, AccessRequest } from '../../src/session/access.ts'

/** Gives every child an access of its own and counts how they are given back. */
export function fakeAccess(url = 'http://127.0.0.1:1/relay') {
  const opened: {
    request: AccessRequest
    generation: number
    released: number
    leases: Pick<AccessRequest, 'clientId' | 'scopes'>[]
  }[] = []
  let leaseRefusal: AccessRefusal | undefined
  let doubt: (() => Promise<boolean>) | undefined
  let refusal: AccessRefusal | undefined
  let generation = 1
  let refusedUpTo = 0
  const provider: AccessProvider = {
    async open(wanted) {
      if (refusal) return err(refusal)
      const access: (typeof opened)[number] = {
        request: wanted,
        generation,
        released: 0,
        leases: [],
      }
      opened.push(access)
      const credential = `credential-${access.generation}-${opened.length}`
      return ok({
        url,
        credential,
        env: { HTTP_PROXY: 'http://127.0.0.1:1' },
        secrets: () => [credential],
        clean: (text) => text.replaceAll(credential, '[redacted]'),
        lease(lease) {
          if (leaseRefusal) return err(leaseRefusal)
          access.leases.push(lease)
          return ok(undefined)
        },
        ...(doubt && { doubt, refused: () => access.generation <= refusedUpTo }),
        release: () => void access.released++,
      })
    },
  }
  return {
    provider,
    opened,
    /** The number of the newest credential. */
    get generation() {
      return generation
    },
    /** Accesses that were opened and not given back. */
    held: () => opened.filter(({ released }) => released === 0).length,
    refuse(why: AccessRefusal | undefined) {
      refusal = why
    },
    refuseLease(why: AccessRefusal | undefined) {
      leaseRefusal = why
    },
    /** Lets children of accesses to come be doubted; `answer` says whether the token is no good. */
    doubted(answer: () => Promise<boolean>) {
      doubt = answer
    },
    /** Every credential so far is known to be over. */
    refuseOld() {
      refusedUpTo = generation
    },
    renew: () => void generation++,
  }
}
