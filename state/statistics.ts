/**
 * How full the shared state is, for who runs it: not a moment's truth over all partitions, but near enough.
 */
export interface Statistics {
  /**
   * Accepted events that are not done. Those of a WebSocket that wait for one before them are not among them.
   */
  events: number
  /** Those of them that wait for room: their Webhook or namespace has its share of the runners that saw them. */
  deferredEvents: number
  /** How long the oldest of them has been there, in milliseconds; 0 when there is none. */
  oldestEventMs: number
  /**
   * Of the fullest partition, how much of its bound on events or parked runs is taken: at 1, its calls are
   * refused.
   */
  fullest: number
  /** Runs that wait or were woken. */
  parkedRuns: number
  /** Those that could go on now, and that no runner has taken yet. */
  dueRuns: number
  /** Events put aside that are kept. */
  deadLetters: number
  /** Events that were ever put aside. */
  deadLettersEver: number
}

/** What the partitions come to together. */
export function sumOf(partitions: readonly Statistics[]): Statistics {
  const sum = (name: keyof Statistics): number => partitions.reduce((total, one) => total + one[name], 0)
  const most = (name: keyof Statistics): number => partitions.reduce((m, one) => Math.max(m, one[name]), 0)
  return {
    events: sum('events'),
    deferredEvents: sum('deferredEvents'),
    oldestEventMs: most('oldestEventMs'),
    fullest: most('fullest'),
    parkedRuns: sum('parkedRuns'),
    dueRuns: sum('dueRuns'),
    deadLetters: sum('deadLetters'),
    deadLettersEver: sum('deadLettersEver'),
  }
}
