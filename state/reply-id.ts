/**
 * A reply's id begins with the number of its partition, so that whoever replies finds it with nothing but the
 * id. What follows the first dot is its maker's choice, without blanks. It should be a UUIDv7, or begin like one:
 * what was opened at the same time is kept together.
 */
export function replyIdOf(partition: number, id: string): string {
  return `${partition}.${id}`
}

/** The partition of a reply; undefined when the id can't be one (replying workflows may name any). */
export function partitionOfReply(replyId: string): number | undefined {
  const digits = /^(0|[1-9]\d{0,4})\.\S+$/.exec(replyId)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The id of a WebSocket; told from the id of a waiting call by its form. */
export function socketIdOf(partition: number, id: string): string {
  return replyIdOf(partition, `ws-${id}`)
}

/** Whether the id is one of a WebSocket, open or not. */
export function isSocketId(replyId: string): boolean {
  return /^\d{1,5}\.ws-./.test(replyId)
}
