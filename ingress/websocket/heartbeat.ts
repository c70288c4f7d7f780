import type { Clock } from '../../state/clock.ts'

export interface Heartbeat<T> {
  add(member: T): void
  delete(member: T): void
  stop(): void
}

const SLOTS = 25

/**
 * Calls `beat` for each member once in every interval, in slots, so that ten thousand of them do not have
 * their turn at once. No timer for each.
 */
export function createHeartbeat<T>(
  clock: Clock,
  intervalMs: number,
  beat: (member: T) => void,
): Heartbeat<T> {
  const members = Array.from({ length: SLOTS }, () => new Set<T>())
  const slotOf = new Map<T, Set<T>>()
  let turn = 0
  let cancel: (() => void) | undefined

  function next(): void {
    turn = (turn + 1) % SLOTS
    for (const member of members[turn] ?? []) beat(member)
    cancel = slotOf.size > 0 ? clock.setTimer(next, intervalMs / SLOTS) : undefined
  }

  return {
    add(member) {
      // The slot whose turn was last: a whole interval is left.
      const slot = members[turn]
      if (slot === undefined) return
      slot.add(member)
      slotOf.set(member, slot)
      cancel ??= clock.setTimer(next, intervalMs / SLOTS)
    },
    delete(member) {
      slotOf.get(member)?.delete(member)
      slotOf.delete(member)
    },
    stop() {
      cancel?.()
      cancel = undefined
    },
  }
}
