/** What a received chunk costs beside its bytes, and what a fragment does that is kept as a piece of one. */
const CHUNK_BYTES = 256
const FRAGMENT_BYTES = 128

const FINAL = 0x80
/** In the first byte: an opcode with it is a control frame's (RFC 6455, 5.2). */
const CONTROL = 0x08
const MASKED = 0x80
const LENGTH = 0x7f
const MASK_BYTES = 4

/**
 * What the library keeps of a connection's message that is not complete: every chunk since the one that it
 * began in, because a fragment of a byte holds on to the whole chunk that it came in, and what each of them
 * costs however small it is. Only the heads of frames (RFC 6455, 5.2) are read.
 */
export class Unfinished {
  #bytes = 0
  /** The head that is not complete, and how many bytes of it are here. */
  readonly #head = Buffer.alloc(14)
  #headBytes = 0
  #payloadLeft = 0
  /** Fragments of the message are here, and its end is not. */
  #inMessage = false

  get bytes(): number {
    return this.#bytes
  }

  received(chunk: Buffer): void {
    const own = chunk.length + CHUNK_BYTES
    this.#bytes += own
    let at = 0
    while (at < chunk.length) {
      if (this.#payloadLeft === 0) at = this.#readHead(chunk, at)
      else {
        const part = Math.min(this.#payloadLeft, chunk.length - at)
        this.#payloadLeft -= part
        at += part
      }
      if (this.#payloadLeft > 0 || !this.#headIsComplete()) continue
      this.#endFrame()
      if (!this.#inMessage) this.#bytes = at < chunk.length ? own : 0
    }
  }

  /** Returns where it has read to. */
  #readHead(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length && !this.#headIsComplete()) this.#head[this.#headBytes++] = chunk[at++] ?? 0
    if (this.#headIsComplete()) this.#payloadLeft = this.#payloadLength()
    return at
  }

  #headIsComplete(): boolean {
    return this.#headBytes >= 2 && this.#headBytes === this.#headLength()
  }

  #headLength(): number {
    const second = this.#head[1] ?? 0
    const length = second & LENGTH
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & MASKED) === 0 ? 0 : MASK_BYTES)
  }

  #payloadLength(): number {
    const length = (this.#head[1] ?? 0) & LENGTH
    if (length < 126) return length
    return length === 126 ? this.#head.readUInt16BE(2) : Number(this.#head.readBigUInt64BE(2))
  }

  #endFrame(): void {
    const first = this.#head[0] ?? 0
    this.#headBytes = 0
    if ((first & CONTROL) !== 0) return
    this.#inMessage = (first & FINAL) === 0
    if (this.#inMessage) this.#bytes += FRAGMENT_BYTES
  }
}
