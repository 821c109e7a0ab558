/** An expected outcome: either a value or a reason. Exceptions are for the unexpected. */
export type Result<T, E> = { ok: true; value: T } | { ok: false; error: E }

/** Wraps a value as a successful Result. */
export const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value })

/** Wraps a reason as a failed Result. */
export const err = <E>(error: E): { ok: false; error: E } => ({ ok: false, error })

/** What is there at once most of the time: a promise for every call would cost more than the call. */
export type Soon<T> = T | Promise<T>
