/**
 * What one HTTP server process takes from a caller, beyond the limits that a webhook sets. Times in
 * milliseconds, sizes in bytes.
 */
export interface HttpLimits {
  /** Open sockets; more are refused by closing them. */
  connections: number
  /** Request line and headers together; more is a 431. */
  headerBytes: number
  /** Header lines; more is a 431. */
  headerCount: number
  /**
   * Requests of a connection that are not answered yet; with one more the connection is closed after their
   * answers. One piece of 64 KiB may hold a thousand, which would all be worked on before anyone else's.
   */
  pipelinedRequests: number
  /** The request target; more is a 414. */
  urlBytes: number
  /** Of the request target, told by the `&` between them; more is a 414. */
  queryParameters: number
  /** Until the headers are complete; then a 408. */
  headersTimeoutMs: number
  /** Until the whole request is received; then a 408. */
  requestTimeoutMs: number
  /**
   * An idle connection is kept for that long: longer than the idle time of the usual proxies, so that they
   * close first.
   */
  keepAliveTimeoutMs: number
  /**
   * Unfinished bodies and messages of all connections together, and messages that wait to be stored or read;
   * whoever stalls longest gives way.
   */
  heldBytes: number
  /**
   * A connection on which nothing moves, be it for a caller that reads no answer, is cut. Longer than any
   * wait for a reply.
   */
  idleTimeoutMs: number
  /** How often Node looks for connections over the two timeouts. */
  timeoutCheckMs: number
  /** What a run may send as the body of a reply. */
  replyBytes: number
  /** Header lines of a reply. */
  replyHeaderCount: number
  /** Names and values of a reply's headers together. */
  replyHeaderBytes: number
  /** How much of a refused body is thrown away to keep the connection. */
  discardBytes: number
  /**
   * How much of one is thrown away to let the caller read the answer before the connection is closed: twice
   * what any webhook takes.
   */
  lingerBytes: number
  /** How long that may take. */
  lingerMs: number
}

export const DEFAULT_LIMITS: HttpLimits = {
  connections: 20_000,
  headerBytes: 16 * 1024,
  headerCount: 128,
  pipelinedRequests: 100,
  urlBytes: 8 * 1024,
  queryParameters: 1_000,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  heldBytes: 128 * 1024 * 1024,
  idleTimeoutMs: 120_000,
  timeoutCheckMs: 5_000,
  replyBytes: 256 * 1024,
  replyHeaderCount: 64,
  replyHeaderBytes: 16 * 1024,
  discardBytes: 64 * 1024,
  lingerBytes: 8 * 1024 * 1024,
  lingerMs: 2_000,
}
