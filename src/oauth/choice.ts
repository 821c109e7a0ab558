import { FORGEJO_SCOPES } from '../forgejo/scopes.ts'
import { err, ok, type Result } from '../result.ts'
import { covers } from '../scopes.ts'
import { isRepeated, param } from './params.ts'

/** How far a client gets in one area of Forgejo. */
export type Level = 'none' | 'read' | 'write'

/** The three answers to "what may it do?". */
export type Access = 'read' | 'write' | 'areas'

/** One area that a choice is about. */
export interface AreaChoice {
  /** Forgejo's word for it: `repository`, `issue`, … */
  area: string
  /** The most that can be given. */
  most: 'read' | 'write'
  /** What is chosen when the user says nothing else. */
  level: Level
}

/** The choice between scopes that can be given, as a page shows it. */
export interface ScopeChoice {
  access: Access
  areas: readonly AreaChoice[]
  /** Words that belong to no area, such as `public-only`: they hold whatever is chosen. */
  always: readonly string[]
}

/** Why a form says nothing usable: not one clear answer, or no area at all. */
export type ChoiceProblem = 'unclear' | 'nothing'

/** A word that widens nothing: it limits what the others give, and so is never dropped. */
const LIMIT = 'public-only'

const AREAS = FORGEJO_SCOPES.filter((scope) => scope.startsWith('read:')).map((scope) =>
  scope.slice('read:'.length),
)

/** The areas that a set of scopes reaches, in its own order, and how far. */
function reach(scopes: readonly string[]): { area: string; most: 'read' | 'write' }[] {
  const named = scopes.filter((scope) => scope.includes(':')).map((scope) => scope.split(':')[1])
  const known = [...new Set([...named, ...AREAS])].filter((area) => area !== undefined)
  return known
    .filter((area) => covers(scopes, [`read:${area}`]))
    .map((area) => ({ area, most: covers(scopes, [`write:${area}`]) ? 'write' : 'read' }))
}

const limits = (scopes: readonly string[]): string[] => scopes.filter((scope) => scope === LIMIT)

/** The choice that a page offers between `scopes`; `chosen` is what is marked, everything unless said otherwise. */
export function offerScopes(scopes: readonly string[], chosen = scopes): ScopeChoice {
  const marked = new Map(reach(chosen).map(({ area, most }) => [area, most]))
  const areas = reach(scopes).map(({ area, most }): AreaChoice => {
    const level = marked.get(area) ?? 'none'
    return { area, most, level: most === 'read' && level === 'write' ? 'read' : level }
  })
  const always = limits(scopes)
  if (areas.every(({ level, most }) => level === most)) {
    const writes = areas.some(({ most }) => most === 'write')
    return { access: writes ? 'write' : 'read', areas, always }
  }
  return { access: areas.every(({ level }) => level === 'read') ? 'read' : 'areas', areas, always }
}

/**
 * The scopes that a form chooses out of `offered`, never more: `access` is `read`, `write` or `areas`, then
 * `area.<name>` is `none`, `read` or `write`. A form without `access` asks for all that is offered.
 */
export function chooseScopes(
  offered: readonly string[],
  form: URLSearchParams,
): Result<string[], ChoiceProblem> {
  if (isRepeated(form, 'access')) return err('unclear')
  switch (param(form, 'access')) {
    case undefined:
    case 'write':
      return ok([...offered])
    case 'read':
      return ok(scopesOf(offered, () => 'read'))
    case 'areas': {
      const levelOf = (area: string) => form.get(`area.${area}`)
      const chosen = scopesOf(offered, levelOf)
      return chosen.length > limits(offered).length ? ok(chosen) : err('nothing')
    }
    default:
      return err('unclear')
  }
}

/** The offered scopes at the wanted levels; the offer itself, word for word, when everything is wanted. */
function scopesOf(
  offered: readonly string[],
  levelOf: (area: string) => string | null | undefined,
): string[] {
  const areas = reach(offered)
  const wanted = areas.flatMap(({ area, most }) => {
    const level = levelOf(area)
    if (level === 'write') return [`${most}:${area}`]
    return level === 'read' ? [`read:${area}`] : []
  })
  if (areas.every(({ area, most }) => wanted.includes(`${most}:${area}`))) return [...offered]
  return [...wanted, ...limits(offered)]
}

/** What a browser may remember: never more areas than there are. */
const REMEMBERED = /^(?:read|write|(?:[a-z]{1,20}-[rwn]\.){1,16})$/

const LETTERS: Record<Level, string> = { none: 'n', read: 'r', write: 'w' }

/**
 * A user's choice as the browser keeps it: `read`, `write`, or each area that was shown with its level. Undefined when
 * there was nothing to choose. It holds nothing secret and proves nothing: it only marks the next page.
 */
export function rememberChoice(
  offered: readonly string[],
  chosen: readonly string[],
): string | undefined {
  const { access, areas } = offerScopes(offered, chosen)
  if (areas.every(({ most }) => most === 'read') && access === 'read') return undefined
  if (access !== 'areas') return access
  return areas.map(({ area, level }) => `${area}-${LETTERS[level]}.`).join('')
}

/** The choice between `scopes` with what the browser remembers marked; what it never saw stays unmarked. */
export function recallChoice(
  scopes: readonly string[],
  remembered: string | undefined,
): ScopeChoice {
  const offer = offerScopes(scopes)
  if (remembered === undefined || !REMEMBERED.test(remembered)) return offer
  const levels = new URLSearchParams(
    remembered.split('.').map((word): [string, string] => {
      const [area = '', letter = ''] = word.split('-')
      return [`area.${area}`, letter === 'n' ? 'none' : letter === 'r' ? 'read' : 'write']
    }),
  )
  levels.set('access', remembered.includes('-') ? 'areas' : remembered)
  const chosen = chooseScopes(scopes, levels)
  return chosen.ok ? offerScopes(scopes, chosen.value) : offer
}
