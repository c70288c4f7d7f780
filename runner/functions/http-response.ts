import type { Json } from '../../state/event.ts'
import { failure } from '../run/problem.ts'
import type { HttpCallTask } from '../plan.ts'
import { decodeBody } from '../request/body.ts'

/** What is larger does not fit an expression's output either. */
const MAX_BYTES = 1024 * 1024

/**
 * A response as `with.output` wants it: `content`, its body decoded by its content type; `raw`, its bytes in
 * base64; `response`, `{statusCode, headers, content}`. The request is not repeated in it: it may hold
 * secrets.
 */
export async function readResponse(result: HttpCallTask['result'], response: Response): Promise<Json> {
  const bytes = await readBounded(response)
  if (result === 'raw') return bytes.toString('base64')
  const content = await decodeBody(bytes, response.headers.get('content-type') ?? undefined)
  if (result === 'content') return content
  return { statusCode: response.status, headers: Object.fromEntries(response.headers), content }
}

async function readBounded(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    // Leaving the loop cancels the rest of the body.
    if (size > MAX_BYTES) throw failure('communication', `the response is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
