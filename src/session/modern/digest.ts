import { hashToken } from '../../crypto.ts'
import { numberOf } from '../../mcp/exact.ts'
import type { RpcRequest } from '../../mcp/rpc.ts'
import type { Caller } from '../../store/families.ts'

/** JSON that is the same for values that differ in the order of their keys only. Numbers stand as they were written. */
function canonical(value: unknown): string {
  if (numberOf(value) !== undefined || typeof value !== 'object' || value === null)
    return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`
}

/** What a request asks for: a later one with the same digest may go on with it. */
export const digestOf = ({ method, params = {} }: RpcRequest): string =>
  hashToken(canonical([method, params.name, params.uri, params.arguments]))

/** What a client brings along: the same once more is a repetition, of nobody else's request and with the same scopes. */
export const repetitionOf = (
  digest: string,
  { accountId, clientId, scopes }: Pick<Caller, 'accountId' | 'clientId' | 'scopes'>,
  { params: { inputResponses, requestState } = {} }: RpcRequest,
) =>
  hashToken(
    canonical([
      digest,
      accountId,
      clientId,
      [...new Set(scopes)].sort(),
      requestState,
      inputResponses,
    ]),
  )
