/** How exactly a media range names a type: 2 the type itself, 1 `type/*`, 0 everything, -1 not at all. */
function rank(range: string, type: string): number {
  if (range === type) return 2
  if (range === `${type.split('/')[0]}/*`) return 1
  return range === '*/*' ? 0 : -1
}

/**
 * Whether an Accept header admits a media type: the most exact range that names it decides, `q=0` excludes
 * (RFC 9110 §12.5.1). A request without the header admits everything.
 * @param type lower-case, without parameters
 */
export function accepts(header: string | undefined, type: string): boolean {
  if (header === undefined) return true
  // Without parameters nothing is excluded: what every client sends needs no closer look.
  if (!header.includes(';') && header.split(', ').includes(type)) return true
  let best = { rank: -1, quality: 0 }
  for (const part of header.split(',')) {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const weight = parameters.find((text) => text.startsWith('q='))
    const quality = weight === undefined ? 1 : Number(weight.slice(2)) || 0
    const found = rank(range, type)
    if (found > best.rank) best = { rank: found, quality }
    else if (found === best.rank) best.quality = Math.max(best.quality, quality)
  }
  return best.rank >= 0 && best.quality > 0
}

/** Whether a Content-Type is `application/json`, with whatever parameters. */
export const isJson = (header: string | undefined): boolean =>
  header === 'application/json' ||
  header?.split(';')[0]?.trim().toLowerCase() === 'application/json'
