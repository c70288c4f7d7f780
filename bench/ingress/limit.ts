/**
 * A window that no run of the bench fills, so that every call takes the way of an accepted one: 100,000 calls
 * a second.
 */
export const LIMIT = { requests: 10_000, windowMs: 100 }
