/**
 * How much of a message that is not complete the library keeps for a connection: what was received, less the
 * frames (RFC 6455, 5.2) of all that was complete. The heads of fragments are not seen and count as kept, but
 * never for more than came with the end of a message.
 */
export class Unfinished {
  #bytes = 0
  #lastChunk = 0

  get bytes(): number {
    return this.#bytes
  }

  /** To be called before the library sees the chunk. */
  received(length: number): void {
    this.#bytes += length
    this.#lastChunk = length
  }

  /** A message or a control frame is complete; of how many bytes. */
  completed(length: number): void {
    this.#bytes = Math.max(0, Math.min(this.#bytes - frameSize(length), this.#lastChunk))
  }
}

const MASK_BYTES = 4

function frameSize(length: number): number {
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8
  return 2 + extended + MASK_BYTES + length
}
