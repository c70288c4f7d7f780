import type { Json } from '../../state/event.ts'
import { isWithinDepth } from '../expression/depth.ts'
import { parseMultipart } from './multipart.ts'
import { isFewPairs, parsePairs } from './pairs.ts'
import { parseXml } from './xml.ts'

/**
 * A body's value by its content type: JSON, urlencoded form, multipart form or XML when it is valid, else the
 * text. Without a content type: JSON, else a form, else the text. Null when it is empty. Never rejects.
 */
export async function decodeBody(bytes: Buffer, contentType: string | undefined): Promise<Json> {
  if (bytes.length === 0) return null
  const decoded = await decode(bytes, contentType ?? '')
  return decoded !== undefined && isWithinDepth(decoded) ? decoded : toText(bytes, contentType)
}

async function decode(bytes: Buffer, contentType: string): Promise<Json | undefined> {
  const text = (): string => toText(bytes, contentType)
  switch (formatOf(contentType)) {
    case 'none':
      return firstOf(parseJson(text()), () => parseForm(text()))
    case 'json':
      return parseJson(text())
    case 'form':
      // JSON that `curl -d` sends under this type: a form begins with neither of its brackets, they are
      // percent-encoded there.
      return firstOf(/^\s*[{[]/.test(text()) ? parseJson(text()) : undefined, () => parseFormPairs(text()))
    case 'multipart':
      return await parseMultipart(bytes, contentType)
    case 'xml':
      return parseXml(text())
    case 'text':
      return undefined
  }
}

/** Null is a value here: only `undefined` says that the text is something else. */
function firstOf(value: Json | undefined, other: () => Json | undefined): Json | undefined {
  return value === undefined ? other() : value
}

type Format = 'none' | 'json' | 'form' | 'multipart' | 'xml' | 'text'

/** By the media type, RFC 9110 section 8.3.1, and the structured suffixes of RFC 6839. */
function formatOf(contentType: string): Format {
  const mediaType = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
  if (mediaType === '') return 'none'
  if (/^(?:application|text)\/json$|\+json$/.test(mediaType)) return 'json'
  if (mediaType === 'application/x-www-form-urlencoded') return 'form'
  if (mediaType === 'multipart/form-data') return 'multipart'
  if (/^(?:application|text)\/xml$|\+xml$/.test(mediaType)) return 'xml'
  return 'text'
}

/** `undefined` when the text is not JSON. */
function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** Only what looks like a form: `name=value`, without spaces. */
function parseForm(text: string): Json | undefined {
  return /^[^\s=&]+=[^\s]*$/.test(text) ? parseFormPairs(text) : undefined
}

/** `undefined` when it has too many pairs: a form is not to be cut off in silence. */
function parseFormPairs(text: string): Json | undefined {
  return isFewPairs(text) ? parsePairs(text) : undefined
}

const utf8 = new TextDecoder()

/** UTF-8 unless the content type names another encoding that is known. */
export function toText(bytes: Uint8Array, contentType = ''): string {
  const charset = /;\s*charset="?([^\s";]+)/i.exec(contentType)?.[1]
  if (charset === undefined) return utf8.decode(bytes)
  try {
    return new TextDecoder(charset).decode(bytes)
  } catch {
    return utf8.decode(bytes)
  }
}
