import { SUBSCRIPTION } from '../methods.ts'
import { isObject, type Params } from '../rpc.ts'

/** The lists whose changes can be listened for: the filter's member, the capability, and the notification. */
const LISTS = [
  { member: 'toolsListChanged', capability: 'tools', method: 'notifications/tools/list_changed' },
  {
    member: 'promptsListChanged',
    capability: 'prompts',
    method: 'notifications/prompts/list_changed',
  },
  {
    member: 'resourcesListChanged',
    capability: 'resources',
    method: 'notifications/resources/list_changed',
  },
] as const

export const RESOURCE_UPDATED = 'notifications/resources/updated'

/** Resources that one stream may listen for. */
const MAX_URIS = 256

/** What a `subscriptions/listen` asks for (2026-07-28 schema, SubscriptionFilter). */
export interface Filter {
  /** The notifications about lists. */
  methods: ReadonlySet<string>
  uris: readonly string[]
}

/** Reads the filter, or says in a sentence what is wrong with it. */
export function readFilter(params: Params | undefined): Filter | string {
  const wanted = params?.notifications
  if (!isObject(wanted)) return '"notifications" is missing'
  const uris = wanted.resourceSubscriptions ?? []
  if (!Array.isArray(uris) || !uris.every((uri) => typeof uri === 'string'))
    return '"resourceSubscriptions" must be a list of URIs'
  if (uris.length > MAX_URIS) return `a stream may listen for ${MAX_URIS} resources`
  const lists = LISTS.filter(({ member }) => wanted[member] === true)
  return {
    methods: new Set(lists.map(({ method }) => method)),
    uris: [...new Set<string>(uris)],
  }
}

/** What of a filter a server of these capabilities can keep. */
export function honoured({ methods, uris }: Filter, capabilities: Params): Filter {
  const can = (capability: string, what: string): boolean => {
    const has = capabilities[capability]
    return isObject(has) && has[what] === true
  }
  const lists = LISTS.filter(
    ({ capability, method }) => methods.has(method) && can(capability, 'listChanged'),
  )
  return {
    methods: new Set(lists.map(({ method }) => method)),
    uris: can('resources', 'subscribe') ? uris : [],
  }
}

/** Whether a notification is about a list, which then is another one than before. */
export const isListChange = (method: string): boolean =>
  LISTS.some((list) => list.method === method)

const NONE: readonly string[] = []

/** A line of a child that says that a list has changed is no longer than this, in characters. */
const MAX_CHANGE = 1024

/** The lists that a line of a child says have changed, by their notifications. The line must be valid JSON. */
export function readListChanges(line: string): readonly string[] {
  if (line.length > MAX_CHANGE || !line.includes('list_changed')) return NONE
  const said: unknown = JSON.parse(line)
  const messages: unknown[] = Array.isArray(said) ? said : [said]
  return messages.flatMap((message) => {
    const method = isObject(message) ? message.method : undefined
    return typeof method === 'string' && isListChange(method) ? [method] : []
  })
}

/** Whether a stream with that filter is to be told. */
export const wants = ({ methods, uris }: Filter, method: string, params: Params): boolean =>
  method === RESOURCE_UPDATED
    ? (uris as readonly unknown[]).includes(params.uri)
    : methods.has(method)

/** The first thing that is said on a stream: what it listens for. */
export function acknowledgement(idText: string, { methods, uris }: Filter): string {
  const lists = LISTS.filter(({ method }) => methods.has(method)).map(({ member }) => [
    member,
    true,
  ])
  const notifications = {
    ...Object.fromEntries(lists),
    ...(uris.length > 0 && { resourceSubscriptions: uris }),
  }
  return stamped(idText, 'notifications/subscriptions/acknowledged', { notifications })
}

/** A change, as it is told on the stream that the request with this id opened. */
export const changeText = (idText: string, method: string, { uri }: Params): string =>
  stamped(idText, method, method === RESOURCE_UPDATED ? { uri } : {})

/** The end of a stream for a reason of the server's. */
export const endOfListening = (idText: string): string =>
  `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"complete","_meta":{"${SUBSCRIPTION}":${idText}}}}`

/** The id is given with its JSON type, digit for digit. */
function stamped(idText: string, method: string, params: Params): string {
  const rest = JSON.stringify(params).slice(1)
  const comma = rest === '}' ? '' : ','
  return `{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":{"_meta":{"${SUBSCRIPTION}":${idText}}${comma}${rest}}`
}
