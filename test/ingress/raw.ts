import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'

/** A bare connection to the server, for what no HTTP client would send. */
export interface RawConnection {
  write(text: string | Buffer): void
  /** Sends FIN. */
  end(): void
  /** Cuts the connection. */
  destroy(): void
  /** What has come so far, once it matches. Rejects when the server closes before. */
  until(pattern: RegExp): Promise<string>
  /** All that came, once the server has closed. */
  closed(): Promise<string>
}

export async function connectRaw(port: number): Promise<RawConnection> {
  const socket: Socket = connect(port, '127.0.0.1')
  let received = ''
  let over = false
  const watchers = new Set<() => void>()
  const notify = () => {
    for (const watcher of watchers) watcher()
  }
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    received += text
    notify()
  })
  socket.on('close', () => {
    over = true
    notify()
  })
  // A reset is an end like any other: what had come before it counts.
  socket.on('error', () => {})
  await once(socket, 'connect')

  function wait(done: () => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!done() && !over) return
        watchers.delete(check)
        if (done()) resolve(received)
        else reject(new Error(`the server closed the connection after ${JSON.stringify(received)}`))
      }
      watchers.add(check)
      check()
    })
  }

  return {
    write: (text) => void socket.write(text),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
    until: (pattern) => wait(() => pattern.test(received)),
    closed: () => wait(() => over),
  }
}
