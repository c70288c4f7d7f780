import type { Writable } from 'node:stream'

/**
 * Collects all that is written to sockets in one turn of the event loop into one write each. To be called
 * before every write; a socket that replaces another in between is left alone until the next turn.
 */
export function createCork(sockets: () => Iterable<Writable | undefined>): () => void {
  let corked: Writable[] = []

  function uncork(): void {
    const done = corked
    corked = []
    for (const socket of done) socket.uncork()
  }

  return () => {
    if (corked.length > 0) return
    for (const socket of sockets()) {
      if (socket === undefined || socket.destroyed) continue
      socket.cork()
      corked.push(socket)
    }
    if (corked.length > 0) setImmediate(uncork)
  }
}
