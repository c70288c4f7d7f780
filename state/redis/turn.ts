import type { Writable } from 'node:stream'

/** One turn of the event loop, in which much is to be said to few servers. */
export interface Turn {
  /**
   * To be called before every write: all that is written to the sockets in one turn leaves in one write each.
   * A socket that replaces another in between is left alone until the next turn.
   */
  cork(): void
  /** Calls back at the end of the turn, before what was written in it leaves. It must not throw. */
  atEnd(act: () => void): void
  /** Ends it now. */
  end(): void
}

export function createTurn(sockets: () => Iterable<Writable | undefined>): Turn {
  let corked: Writable[] = []
  let acts: (() => void)[] = []
  let isScheduled = false

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(() => {
      end()
      isScheduled = false
      if (acts.length > 0) schedule()
    })
  }

  function end(): void {
    const due = acts
    acts = []
    for (const act of due) act()
    const done = corked
    corked = []
    for (const socket of done) socket.uncork()
  }

  return {
    cork() {
      if (corked.length > 0) return
      for (const socket of sockets()) {
        if (socket === undefined || socket.destroyed) continue
        socket.cork()
        corked.push(socket)
      }
      if (corked.length > 0) schedule()
    },
    atEnd(act) {
      acts.push(act)
      schedule()
    },
    end,
  }
}
