/**
 * A reply's id begins with the number of its partition, so that whoever replies finds it with nothing but the id.
 * What follows the first dot is its maker's choice.
 */
export function replyIdOf(partition: number, id: string): string {
  return `${partition}.${id}`
}

/** The partition of a reply; undefined when the id can't be one (replying workflows may name any). */
export function partitionOfReply(replyId: string): number | undefined {
  const digits = /^(0|[1-9]\d{0,4})\../.exec(replyId)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
