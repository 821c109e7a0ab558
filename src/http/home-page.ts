import type { Policy } from '../oauth/policy.ts'
import { html } from './html.ts'
import { pageResponse } from './layout.ts'

/** The front page: what this is, the URL to paste, and where to paste it. */
export function homePage(policy: Pick<Policy, 'resource'>, forgejoUrl: string): Response {
  const { host, href } = new URL(forgejoUrl)
  const url = policy.resource
  const forVsCode = JSON.stringify({ name: 'forgejo', type: 'http', url })
  return pageResponse({
    status: 200,
    title: `Connect to ${host}`,
    body: html`<h1>Let your AI app work on ${host}</h1>
<p>This broker connects apps that speak MCP, such as Claude, VS Code or Cursor, to the Forgejo at <a href="${href}">${host}</a>. You sign in with your own account there; the app then acts as you, and only as you.</p>
<h2>Paste this URL into your app</h2>
<code class="copy url">${url}</code>
<h2>Claude.ai</h2>
<p>Settings, then Connectors, then Add custom connector, and paste the URL.</p>
<h2>Claude Code</h2>
<code class="copy">claude mcp add --transport http forgejo ${url}</code>
<h2>VS Code</h2>
<code class="copy">code --add-mcp '${forVsCode}'</code>
<h2>Any other app</h2>
<p>Look for “remote MCP server” or “Streamable HTTP” in its settings. It finds everything else by itself; there is no key to copy.</p>
<h2>Already connected?</h2>
<p>See and change what your apps may do under <a href="/connections">your connections</a>.</p>`,
  })
}
