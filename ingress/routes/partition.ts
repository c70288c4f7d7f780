/** The number of partitions when nothing else is said; all processes that share a state must agree on it. */
export const DEFAULT_PARTITIONS = 64

/**
 * Which partition a name belongs to: FNV-1a (32 bits) of its UTF-16 code units, modulo the number of
 * partitions.
 */
export function partitionOf(name: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  }
  return (hash >>> 0) % partitions
}
