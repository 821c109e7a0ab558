/**
 * Where a seat stands: the place for the one child that serves a session under one set of scopes. `C` is the child;
 * two values are the same child only when they are identical. `outdated` says that the child being started was
 * overtaken before it was ready (its token was renewed) and needs a successor at once.
 */
export type SeatState<C> =
  | { phase: 'asleep' }
  | { phase: 'waking'; outdated: boolean }
  | { phase: 'awake'; child: C }
  | { phase: 'replacing'; child: C; outdated: boolean }
  | { phase: 'closed'; reason: string }

/** What can happen to a seat. */
export type SeatEvent<C> =
  /** A child is wanted where there is none. */
  | { event: 'wake' }
  /** The child needs a successor. */
  | { event: 'replace' }
  /** The child that was being started is ready. */
  | { event: 'started'; child: C }
  | { event: 'start-failed' }
  /** Some child of this seat has ended: the current one, or one that was already replaced. */
  | { event: 'exited'; child: C }
  | { event: 'sleep' }
  | { event: 'close'; reason: string }

/** The state after an event; `refused` says why it stayed the same. */
export interface Step<C> {
  state: SeatState<C>
  refused?: string
}

/** The one total transition function. An event that does not fit the state changes nothing and says why. */
export function next<C>(state: SeatState<C>, happened: SeatEvent<C>): Step<C> {
  const stay = (refused: string): Step<C> => ({ state, refused })
  if (state.phase === 'closed') return stay(`closed: ${state.reason}`)
  switch (happened.event) {
    case 'wake':
      if (state.phase === 'asleep') return { state: { phase: 'waking', outdated: false } }
      return stay(state.phase === 'waking' ? 'already waking' : 'already awake')

    case 'replace':
      if (state.phase === 'asleep') return stay('no child to replace')
      if (state.phase === 'awake')
        return { state: { phase: 'replacing', child: state.child, outdated: false } }
      return { state: { ...state, outdated: true } }

    case 'started':
      if (state.phase === 'waking' || state.phase === 'replacing')
        return { state: { phase: 'awake', child: happened.child } }
      return stay('no child was being started')

    case 'start-failed':
      if (state.phase === 'waking') return { state: { phase: 'asleep' } }
      if (state.phase === 'replacing') return { state: { phase: 'awake', child: state.child } }
      return stay('no child was being started')

    case 'exited':
      if (state.phase === 'awake' && state.child === happened.child)
        return { state: { phase: 'asleep' } }
      if (state.phase === 'replacing' && state.child === happened.child)
        return { state: { phase: 'waking', outdated: state.outdated } }
      return stay('not the current child')

    case 'sleep':
      if (state.phase === 'awake') return { state: { phase: 'asleep' } }
      return stay(state.phase === 'asleep' ? 'already asleep' : 'a child is being started')

    case 'close':
      return { state: { phase: 'closed', reason: happened.reason } }
  }
}
