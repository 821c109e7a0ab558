import ipaddr from 'ipaddr.js'
import type { Config } from '../config.ts'

type Address = ReturnType<typeof ipaddr.process>

/** Answers who sent a request: the peer's address, and the X-Forwarded-For header. */
export type ClientAddress = (peer: string | undefined, forwardedFor: string | null) => string

/** What stands for a client whose address nobody told us: a proxy on the unix socket that sends no header. */
const UNKNOWN = 'unknown'

/**
 * Finds the client behind trusted proxies: the rightmost hop that is not one of them. Whatever stands left of an
 * untrusted or unreadable hop is that hop's own claim and is not believed. The peer of a unix socket has no address and is trusted.
 */
export function createClientAddress(
  config: Pick<Config, 'trustedProxies' | 'listen'>,
): ClientAddress {
  const blocks = config.trustedProxies.map((block) => ipaddr.parseCIDR(block))
  const isTrusted = (address: Address): boolean =>
    blocks.some(([base, bits]) => base.kind() === address.kind() && address.match([base, bits]))

  return (peer, forwardedFor) => {
    let client = peer === undefined ? undefined : parseHop(peer)
    if (!client && (peer !== undefined || config.listen.kind !== 'unix')) return UNKNOWN
    for (const hop of (forwardedFor ?? '').split(',').reverse()) {
      if (client && !isTrusted(client)) break
      const address = parseHop(hop.trim())
      if (!address) break
      client = address
    }
    return client?.toString() ?? UNKNOWN
  }
}

/** Reads an address as proxies write it: bare, with a port, or IPv6 in brackets; mapped IPv4 becomes IPv4. */
function parseHop(hop: string): Address | undefined {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop
  return ipaddr.isValid(bare) && !/^\d+$/.test(bare) ? ipaddr.process(bare) : undefined
}

/** What a client is counted under: its IPv4 address, or the /64 that its IPv6 address is one of. */
export function rateKey(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`)}/64`
}
