import type { Config } from '../config.ts'
import { offerScopes, recallChoice } from './choice.ts'
import type { ConsentView } from './outcome.ts'
import type { PendingRequest } from './pending.ts'
import { redirectHost, redirectKind, redirectSource } from './redirect-uri.ts'

/**
 * The consent page of a pending request under its ticket. Marked is what the app was just told that it `needed`, else
 * the browser's last `choice`, as it came.
 */
export function consentView(
  { forgejoUrl }: Pick<Config, 'forgejoUrl'>,
  ticket: string,
  request: PendingRequest,
  {
    choice: remembered,
    needed,
  }: { choice?: string | undefined; needed?: readonly string[] | undefined },
): ConsentView {
  const { back, client, scopes } = request
  const { redirectUri } = back
  const choice = needed ? offerScopes(scopes, needed) : recallChoice(scopes, remembered)
  return {
    ticket,
    clientName: client.name,
    ...(client.url !== undefined && { clientUrl: client.url }),
    redirectHost: redirectHost(redirectUri),
    redirectKind: redirectKind(redirectUri),
    redirectSource: redirectSource(redirectUri),
    scopes,
    choice,
    marked: needed ? 'needed' : choice.access === offerScopes(scopes).access ? 'all' : 'recalled',
    forgejoUrl,
  }
}
