/** JSON as the runs see it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * How the answer to a call is made: at once by the ingress, or by the run (see `response.mode` of a Webhook).
 */
export type ReplyMode = 'Reply' | 'Output'

/**
 * One accepted call on its way from an ingress to a runner. The ingress fills it without parsing the body;
 * the runner decodes query and body. `Cookie` and `Authorization` are never in `headers`.
 */
export interface CallEvent {
  /** Unique and sortable by time (UUIDv7); the caller reads it in `X-Hooklet-Event-Id`. */
  id: string
  /** When the ingress accepted it, ISO 8601 with milliseconds, UTC. */
  time: string
  type: 'http' | 'connect' | 'message' | 'disconnect'
  webhook: { namespace: string; name: string }
  /**
   * The Workflows of the Webhook, as its route named them when the call was accepted, in the order of their
   * names; those that a runner knows besides may run as well, and a runner that knows less of one of them is
   * late. Absent on events of an ingress or operator of before.
   */
  workflows?: WorkflowRef[]
  /** Lower case. */
  method: string
  /** What follows the token, as received (percent-encoding kept); begins with `/`. */
  path: string
  /** The raw query without its `?`; empty when there is none. */
  query: string
  /** Names in lower case; repeated headers are joined by `, `. */
  headers: Record<string, string>
  clientIP: string
  /** `input: Merged`: the run sees query and JSON object body as one dictionary. */
  merged: boolean
  /** Present when a caller waits for the answer of a run. The id names its partition, see `reply-id.ts`. */
  reply?: { id: string; mode: ReplyMode }
  /**
   * Present on the events of a WebSocket, whose other members but id and time are those of the request that
   * opened it.
   */
  socket?: SocketPart
  /** The body's bytes as received, those of a `message` of a WebSocket; empty when there was none. */
  body: Buffer
}

/** What an event says of the request that it is of, or that opened its WebSocket. */
export type EventRequest = Omit<CallEvent, 'id' | 'time' | 'type' | 'body' | 'socket' | 'reply'>

/**
 * A Workflow in the namespace of the Webhook that triggers it, and the generation that was published when
 * this was written.
 */
export interface WorkflowRef {
  name: string
  uid: string
  generation: number
}

/** What an event of a WebSocket says of it. */
export interface SocketPart {
  /** The connection: what runs send to. Names its partition, see `reply-id.ts`. */
  id: string
  /** Of a `message` that came in a binary frame: as what runs see its bytes. */
  binary?: 'utf8' | 'base64' | 'hex'
  /** Of a `disconnect`: how the connection ended (RFC 6455, 7.4). */
  end?: { statusCode: number; reason: string }
}
