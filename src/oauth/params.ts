import { OAuthError } from '../errors.ts'

/** Parameters that may be sent more than once (RFC 8707 §2). */
const REPEATABLE = new Set(['resource'])

/** A parameter's value; one that is sent empty counts as left out (RFC 6749 §3.1). */
export function param(params: URLSearchParams, name: string): string | undefined {
  const value = params.get(name)
  return value === null || value === '' ? undefined : value
}

/** A parameter's value. Throws OAuthError `invalid_request` when it is left out. */
export function requiredParam(params: URLSearchParams, name: string): string {
  const value = param(params, name)
  if (value === undefined) throw new OAuthError('invalid_request', `${name} is missing`)
  return value
}

/** Whether a parameter occurs more than once. */
export const isRepeated = (params: URLSearchParams, name: string): boolean =>
  params.getAll(name).length > 1

/** RFC 6749 §3.1, §3.2: no parameter more than once. Throws OAuthError `invalid_request`. */
export function checkRepeated(params: URLSearchParams): void {
  for (const name of new Set(params.keys())) {
    if (!REPEATABLE.has(name) && isRepeated(params, name))
      throw new OAuthError('invalid_request', 'a parameter is sent more than once')
  }
}
