import busboy from 'busboy'
import type { Json } from '../../state/event.ts'
import { collect } from './pairs.ts'

const LIMITS = { parts: 1000, fieldNameSize: 255, headerPairs: 50 }

/**
 * A multipart form as an object. A field is its text; a file is `{filename, contentType, size, data}`, its bytes in base64;
 * names that come more than once are arrays. `undefined` when the body is no valid form or has more than 1000 parts.
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
    parser.on('field', (name, value, { nameTruncated }) => {
      if (nameTruncated) refuse()
      parts.push([name, value])
    })
    parser.on('file', (name, stream, { filename, mimeType }) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('error', refuse)
      stream.on('end', () => {
        const data = Buffer.concat(chunks)
        parts.push([
          name,
          {
            filename: filename ?? '',
            contentType: mimeType,
            size: data.length,
            data: data.toString('base64'),
          },
        ])
      })
    })
    parser.on('partsLimit', refuse)
    parser.on('error', refuse)
    parser.on('close', () => resolve(collect(parts)))
    parser.end(bytes)
  })
}
