import busboy from 'busboy'
import type { Json } from '../../state/event.ts'
import { DECODING } from './limits.ts'
import { collect } from './pairs.ts'

const LIMITS = {
  // The parser gives up when it has reached its limit, not when it has passed it.
  parts: DECODING.parts + 1,
  headerPairs: DECODING.partHeaders,
}

/**
 * A multipart form as an object. A field is its text; a file is `{filename, contentType, size, data}`, its
 * bytes in base64; names that come more than once are arrays. `undefined` when the body is no valid form or
 * beyond a limit.
 */
export function parseMultipart(bytes: Buffer, contentType: string): Promise<Json | undefined> {
  return new Promise((resolve) => {
    const parts: [name: string, value: Json][] = []
    let parser: busboy.Busboy
    try {
      parser = busboy({
        headers: { 'content-type': contentType },
        defParamCharset: 'utf8',
        limits: { ...LIMITS, fieldSize: bytes.length },
      })
    } catch {
      resolve(undefined)
      return
    }
    const refuse = (): void => resolve(undefined)
    // Every part of a form has a name (RFC 7578, 4.2), but the parser does not ask for it.
    const add = (name: string | undefined, value: Json): void => {
      if (name === undefined || Buffer.byteLength(name) > DECODING.fieldName) refuse()
      else parts.push([name, value])
    }
    parser.on('field', add)
    parser.on('file', (name, stream, { filename, mimeType }) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('error', refuse)
      stream.on('end', () => {
        const data = Buffer.concat(chunks)
        add(name, {
          filename: filename ?? '',
          contentType: mimeType,
          size: data.length,
          data: data.toString('base64'),
        })
      })
    })
    parser.on('partsLimit', refuse)
    parser.on('error', refuse)
    parser.on('close', () => resolve(collect(parts)))
    parser.end(bytes)
  })
}
