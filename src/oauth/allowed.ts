/**
 * Whether a Forgejo user may use this broker: everybody when the list is empty, else whoever is named by login
 * (Forgejo does not care about its case) or by `sub:ID`, which outlives a rename.
 */
export function isAllowed(
  allowedUsers: readonly string[],
  user: { sub: string; login: string },
): boolean {
  if (allowedUsers.length === 0) return true
  const login = user.login.toLowerCase()
  return allowedUsers.some((entry) => entry === `sub:${user.sub}` || entry.toLowerCase() === login)
}
