import { isDeepStrictEqual } from 'node:util'
import { SECOND_MS, systemClock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Upstream } from '../forgejo/upstream.ts'
import { describe } from '../log.ts'
import { authorizationServerMetadata } from '../oauth/metadata.ts'
import { createPolicy } from '../oauth/policy.ts'
import type { Finding } from './check-local.ts'

const ASK_MS = 10 * SECOND_MS

/** No code of Forgejo looks like this: what it says of it tells about the application, and nothing is used up. */
const NO_CODE = 'fjmcp-broker-check'

/** Forgejo: answers, is the one that browsers see, and knows our OAuth application with its secret and redirect URI. */
export async function checkForgejo(
  config: Config,
  upstream: Upstream,
): Promise<{ findings: Finding[]; version: string | undefined }> {
  const discovery = await upstream.discovery()
  if (!discovery.ok) {
    return {
      version: undefined,
      findings: [
        {
          state: 'fail',
          text: `Forgejo: ${config.forgejoInternalUrl} gives no discovery document (${discovery.error.detail})`,
          hint: 'is the URL right, does Forgejo run, and is [oauth2] ENABLED = true in its app.ini?',
        },
      ],
    }
  }
  const asked = await upstream.version()
  const version = asked.ok ? asked.value : undefined
  const findings: Finding[] = [
    {
      state: 'ok',
      text: `Forgejo: ${config.forgejoInternalUrl} answers${version ? `, version ${version}` : '; its version is for signed-in users'}`,
    },
  ]
  const { issuer } = discovery.value
  if (issuer !== config.forgejoUrl) {
    findings.push({
      state: 'warn',
      text: `Forgejo calls itself ${issuer}, and --forgejo-url is ${config.forgejoUrl}`,
      hint: 'make [server] ROOT_URL in its app.ini and --forgejo-url the same',
    })
  }
  findings.push(await checkApplication(config, upstream))
  return { findings, version }
}

async function checkApplication(config: Config, upstream: Upstream): Promise<Finding> {
  const where = `${config.forgejoUrl}/user/settings/applications (or the site administration's)`
  // Forgejo judges client, secret and redirect URI before it looks at the code.
  const { ok, ...outcome } = await upstream.exchange(NO_CODE, NO_CODE)
  const failure = ok || !('error' in outcome) ? undefined : outcome.error
  switch (failure?.kind) {
    case 'operator':
      return /redirect/i.test(failure.detail)
        ? {
            state: 'fail',
            text: `Forgejo: the OAuth application does not list our redirect URI`,
            hint: `add ${createPolicy(config).callbackUrl} to it at ${where}`,
          }
        : {
            state: 'fail',
            text: `Forgejo refuses our client id or secret (${failure.detail})`,
            hint: `compare them with the OAuth application at ${where}`,
          }
    case 'again':
      return {
        state: 'ok',
        text: 'Forgejo: the OAuth application, its secret and its redirect URI are good',
      }
    default:
      return {
        state: 'fail',
        text: `Forgejo: its token endpoint does not answer (${failure?.detail})`,
        hint: 'what stands between the broker and Forgejo?',
      }
  }
}

/** The public URL: reaches a broker, and that broker is us. */
export async function checkPublicUrl(config: Config, running: boolean): Promise<Finding> {
  const url = `${config.publicUrl}/.well-known/oauth-authorization-server`
  if (!running) {
    return {
      state: 'skip',
      text: `the public URL: no broker runs on this store; start it and check again`,
    }
  }
  const hint = `does the reverse proxy pass ${config.publicUrl} on to the broker, Host unchanged? See docs/Caddyfile`
  const abort = new AbortController()
  const cancel = systemClock.after(ASK_MS, () => abort.abort())
  try {
    const response = await fetch(url, { redirect: 'manual', signal: abort.signal })
    if (response.status !== 200)
      return { state: 'fail', text: `the public URL: ${url} answers ${response.status}`, hint }
    const theirs: unknown = await response.json()
    const ours: unknown = JSON.parse(
      JSON.stringify(authorizationServerMetadata(createPolicy(config))),
    )
    return isDeepStrictEqual(theirs, ours)
      ? {
          state: 'ok',
          text: `the public URL: ${config.publicUrl} reaches a broker that is configured like this`,
        }
      : {
          state: 'fail',
          text: `the public URL: ${url} is not what this configuration says`,
          hint: 'does it reach another broker, or one that was not restarted?',
        }
  } catch (error) {
    return {
      state: 'fail',
      text: `the public URL: ${url} cannot be read (${describe(error)})`,
      hint,
    }
  } finally {
    cancel()
  }
}
