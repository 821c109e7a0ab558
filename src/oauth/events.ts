/** What the authorization server tells the rest of the broker while it runs. */
export interface OAuthEvents {
  /** A family is over: the sessions it opened must end. */
  familyEnded(familyId: string, reason: string): void
}
