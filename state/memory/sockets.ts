import type { CallEvent } from '../event.ts'
import { lapsedEvent } from '../socket-event.ts'
import type { ReplyAddress, SendOutcome, SocketMessage, SocketRef } from '../state.ts'

/** The open WebSockets of a partition. */
export interface Sockets {
  /** `event` is its `connect` event. */
  open(socket: SocketRef, event: CallEvent, pod: string): void
  isOpen(id: string): boolean
  send(address: ReplyAddress, message: SocketMessage): SendOutcome
  /** False: it was closed before. */
  close(socket: SocketRef): boolean
  /** Closes all of a pod; gives the `disconnect` event of each. */
  closeAll(pod: string): { socket: SocketRef; event: CallEvent }[]
}

interface Open {
  socket: SocketRef
  connect: CallEvent
  pod: string
}

export function createSockets(
  now: () => number,
  deliver: (pod: string, id: string, message: SocketMessage) => void,
): Sockets {
  const sockets = new Map<string, Open>()

  return {
    open: (socket, connect, pod) => void sockets.set(socket.id, { socket, connect, pod }),
    isOpen: (id) => sockets.has(id),
    send({ replyId, namespace }, message) {
      const open = sockets.get(replyId)
      if (open?.connect.webhook.namespace !== namespace) return 'gone'
      deliver(open.pod, replyId, message)
      return 'sent'
    },
    close: ({ id }) => sockets.delete(id),
    closeAll(pod) {
      const ended = [...sockets.values()].filter((open) => open.pod === pod)
      for (const { socket } of ended) sockets.delete(socket.id)
      return ended.map(({ socket, connect }) => ({ socket, event: lapsedEvent(connect, now()) }))
    },
  }
}
