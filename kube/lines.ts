/**
 * The lines of a stream of bytes, without their line feeds; the bytes after the last line feed are no line.
 */
export async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer[] = []
  for await (const chunk of stream) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const part = chunk.subarray(start, end)
      yield (rest.length === 0 ? part : Buffer.concat([...rest, part])).toString('utf8')
      rest = []
      start = end + 1
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
  }
}

const LINE_FEED = 0x0a
