import { isUtf8 } from 'node:buffer'
import type { Json } from '../../state/event.ts'
import { isWithinDepth } from '../expression/depth.ts'
import type { Soon } from '../soon.ts'
import { whenThere } from '../soon.ts'
import { parseMultipart } from './multipart.ts'
import { isFewPairs, parsePairs } from './pairs.ts'
import { parseXml } from './xml.ts'

/**
 * A body's value by its content type: JSON, urlencoded form, multipart form or XML when it is valid, else the
 * text. Without a content type: JSON, else a form, else the text. What is {@link isBinary} has the form of a
 * file in a multipart form, so that none of its bytes is lost. Null when it is empty. Never rejects.
 */
export function decodeBody(bytes: Buffer, contentType = ''): Soon<Json> {
  if (bytes.length === 0) return null
  const format = formatOf(contentType)
  if (isBinary(bytes, contentType, format))
    return { contentType, size: bytes.length, data: bytes.toString('base64') }
  const text = (): string => toText(bytes, contentType, format)
  return whenThere(decode(bytes, contentType, { format, text }), (decoded) =>
    decoded !== undefined && isWithinDepth(decoded) ? decoded : text(),
  )
}

function decode(
  bytes: Buffer,
  contentType: string,
  { format, text }: { format: Format; text: () => string },
): Soon<Json | undefined> {
  switch (format) {
    case 'none':
      return firstOf(parseJson(text()), () => parseForm(text()))
    case 'json':
      return parseJson(text())
    case 'form':
      // JSON that `curl -d` sends under this type: a form begins with neither of its brackets, they are
      // percent-encoded there.
      return firstOf(/^\s*[{[]/.test(text()) ? parseJson(text()) : undefined, () => parseFormPairs(text()))
    case 'multipart':
      return parseMultipart(bytes, contentType)
    case 'xml':
      return parseXml(text())
    case 'text':
      return undefined
  }
}

/** Whether the bytes are no text: of a type that is none, or of no type, and not UTF-8. */
export function isBinary(bytes: Buffer, contentType = '', format = formatOf(contentType)): boolean {
  if (format !== 'none' && format !== 'text') return false
  const isText = /^\s*text\//i.test(contentType) || charsetOf(contentType) !== undefined
  return !isText && !isUtf8(bytes) && byteOrder(bytes) === undefined
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

/**
 * In the encoding that the content type names, if it is known, else in the one that a byte order mark or an
 * XML declaration tells (RFC 7303, 3), else in UTF-8.
 */
function toText(bytes: Buffer, contentType: string, format: Format): string {
  const charset = charsetOf(contentType) ?? byteOrder(bytes) ?? declaredEncoding(bytes, format)
  if (charset === undefined) return utf8.decode(bytes)
  try {
    return new TextDecoder(charset).decode(bytes)
  } catch {
    return utf8.decode(bytes)
  }
}

function charsetOf(contentType: string): string | undefined {
  return /;\s*charset="?([^\s";]+)/i.exec(contentType)?.[1]
}

/** Of UTF-16. */
function byteOrder(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined
}

/** How far into a document its declaration is looked for, in bytes. */
const DECLARATION_BYTES = 256

/** A declaration that can be read so is not in UTF-16, whatever it says. */
function declaredEncoding(bytes: Buffer, format: Format): string | undefined {
  if (format !== 'xml') return undefined
  const start = bytes.toString('latin1', 0, DECLARATION_BYTES)
  const name = /^<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/.exec(start)?.[1]
  return name !== undefined && /^utf-?16/i.test(name) ? undefined : name
}
