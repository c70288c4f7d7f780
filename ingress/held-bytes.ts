/**
 * What callers have sent or left unread and the process has to keep: unfinished bodies and messages, messages
 * that wait to be stored or read. Each webhook bounds one of them; this bounds all together, since a caller
 * needs neither credentials nor speed to make a process keep a body.
 */
export interface HeldBytes {
  /**
   * Someone who is going to keep bytes. `giveWay` is called when they are needed for others: he has to let go
   * of all, and is not asked again.
   */
  holder(giveWay: () => void): HeldShare
  /** Kept in all. */
  readonly total: number
}

/** What one caller's bytes take. */
export interface HeldShare {
  readonly bytes: number
  /**
   * Keeps so many more. Whoever has kept his without a change for longest gives way when it is too much, be
   * it this one.
   */
  keep(bytes: number): void
  /** Lets go of so many. */
  free(bytes: number): void
  /** Lets go of all. */
  end(): void
}

interface Share extends HeldShare {
  bytes: number
  /** When it kept more the last time, as a count of all such times. */
  changed: number
  giveWay: () => void
}

export function createHeldBytes(limit: number): HeldBytes {
  const shares = new Set<Share>()
  let total = 0
  let changes = 0

  /** Those who deliver give way last: a caller that stalls costs its sender nothing. */
  function stalest(): Share | undefined {
    let found: Share | undefined
    for (const share of shares) if (found === undefined || share.changed < found.changed) found = share
    return found
  }

  function makeRoom(): void {
    const one = total > limit ? stalest() : undefined
    if (one === undefined) return
    one.end()
    one.giveWay()
    makeRoom()
  }

  return {
    holder(giveWay) {
      const share: Share = {
        bytes: 0,
        changed: 0,
        giveWay,
        keep(bytes) {
          shares.add(share)
          share.bytes += bytes
          share.changed = changes += 1
          total += bytes
          if (total > limit) makeRoom()
        },
        free(bytes) {
          const freed = Math.min(bytes, share.bytes)
          share.bytes -= freed
          total -= freed
          if (share.bytes === 0) shares.delete(share)
        },
        end() {
          share.free(share.bytes)
        },
      }
      return share
    },
    get total() {
      return total
    },
  }
}
