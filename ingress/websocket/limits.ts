/**
 * What one WebSocket may use of an ingress process, beyond the limits that a webhook sets. Times in
 * milliseconds, sizes in bytes.
 */
export interface SocketLimits {
  /** What may wait to be read by a client; a message over it ends the connection with 1013. */
  sendBufferBytes: number
  /** How many messages of a client may wait to be stored before no more is read from it. */
  queuedMessages: number
  /** Fragments of one message; more end the connection with 1008. */
  fragments: number
  /** In how many pieces the network may deliver one frame; more end the connection with 1008. */
  pieces: number
  /** A client that has answered no ping for this time is dead at the latest after twice the time. */
  pingIntervalMs: number
  /** How long a client may take to answer a close frame. */
  closeTimeoutMs: number
  /** How many connections a wave of a graceful stop has at least, and how far waves are apart. */
  waveConnections: number
  waveIntervalMs: number
  /** How long all waves may take together: when there are too many for it, waves become larger. */
  wavesMs: number
}

export const DEFAULT_SOCKET_LIMITS: SocketLimits = {
  sendBufferBytes: 1024 * 1024,
  queuedMessages: 16,
  fragments: 4_096,
  pieces: 16_384,
  pingIntervalMs: 25_000,
  closeTimeoutMs: 5_000,
  waveConnections: 100,
  waveIntervalMs: 100,
  wavesMs: 10_000,
}
