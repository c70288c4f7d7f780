/**
 * The HMAC verification that most providers are a setting of: which bytes are signed, how, and in which
 * header the signature stands.
 */
import { trimBlanks } from '../header-syntax.ts'
import type { HmacSettings } from '../route.ts'
import { createMac } from './mac.ts'
import { parseTime } from './time.ts'
import type { VerificationOutcome, VerificationRequest } from './verifier.ts'
import { onlyHeader, PASS, reject } from './verifier.ts'

/** What a provider's scheme leaves at its defaults. */
export const PLAIN = {
  algorithm: 'SHA256',
  encoding: 'Hex',
  prefix: '',
  template: '{body}',
  timestampFormat: 'UnixSeconds',
  keyEncoding: 'Text',
} as const satisfies Partial<HmacSettings>

export type SignatureCheck = (request: VerificationRequest) => VerificationOutcome

type Variable = 'body' | 'timestamp' | 'id' | 'url'
type Part = { text: string } | { variable: Variable }
type Values = Partial<Record<Variable, string>>

/** Signatures over the template, by any one of the secrets. */
export function createSignatureCheck(
  settings: HmacSettings,
  { secrets, toleranceMs }: { secrets: readonly Buffer[]; toleranceMs: number },
): SignatureCheck {
  const { timestampFormat, publicURL } = settings
  const header = settings.header.toLowerCase()
  const timestampHeader = settings.timestampHeader?.toLowerCase()
  const idHeader = settings.idHeader?.toLowerCase()
  const parts = parseTemplate(settings.template)
  const uses = (variable: Variable): boolean =>
    parts.some((part) => 'variable' in part && part.variable === variable)
  const [signsId, signsUrl, signsBodyOnly] = [uses('id'), uses('url'), settings.template === '{body}']
  const besideId = charactersBesideId(parts)
  const mac = createMac(settings.algorithm, settings.encoding)
  const keys = secrets.map(mac.key)
  const signaturesOf = createSignatureReader(settings, mac.form)

  return (request) => {
    const line = onlyHeader(request, header)
    if (typeof line !== 'string') return line
    const given = signaturesOf(line)
    if (given.length === 0) return reject('HeaderMalformed')
    if (signsBodyOnly) return judge(mac.passes(keys, [request.body], given))

    const values: Values = {}
    if (timestampHeader !== undefined) {
      const text = onlyHeader(request, timestampHeader)
      if (typeof text !== 'string') return text
      const time = parseTime(text, timestampFormat)
      if (time === undefined) return reject('HeaderMalformed')
      if (!(Math.abs(request.now - time) <= toleranceMs)) return reject('TimestampOutOfTolerance')
      values.timestamp = text
    }
    if (signsId && idHeader !== undefined) {
      const id = onlyHeader(request, idHeader)
      if (typeof id !== 'string') return id
      if (!ID.test(id) || besideId.some((character) => id.includes(character)))
        return reject('HeaderMalformed')
      values.id = id
    }
    if (signsUrl) {
      const url = request.url(publicURL)
      if (url === undefined) return NO_URL
      values.url = url
    }
    return judge(mac.passes(keys, messageOf(parts, values, request.body), given))
  }
}

/** Nothing can pass until the URL is known, so it must not look as if the signature were wrong. */
export const NO_URL: VerificationOutcome = {
  kind: 'unavailable',
  why: 'the URL is signed, but neither publicURL nor the public base URL of the server is set',
}

const judge = (passes: boolean): VerificationOutcome => (passes ? PASS : reject('SignatureMismatch'))

/** Texts that follow each other are joined: each part costs an update of the HMAC. */
function messageOf(parts: readonly Part[], values: Values, body: Buffer): (string | Buffer)[] {
  const message: (string | Buffer)[] = []
  let text = ''
  for (const part of parts) {
    if ('text' in part) text += part.text
    else if (part.variable !== 'body') text += values[part.variable] ?? ''
    else {
      if (text !== '') message.push(text)
      message.push(body)
      text = ''
    }
  }
  if (text !== '') message.push(text)
  return message
}

function parseTemplate(template: string): Part[] {
  return template
    .split(/(\{(?:body|timestamp|id|url)\})/)
    .filter((piece) => piece !== '')
    .map((piece) => {
      const name = /^\{(body|timestamp|id|url)\}$/.exec(piece)?.[1]
      return name === undefined ? { text: piece } : { variable: name as Variable }
    })
}

/** Visible ASCII: nothing that could be written in two ways. */
const ID = /^[!-~]{1,256}$/

/**
 * What parts the id from what is variable beside it in the template. An id must not hold it: else the same
 * signed bytes could be read with another id and body.
 */
function charactersBesideId(parts: readonly Part[]): string[] {
  const at = parts.findIndex((part) => 'variable' in part && part.variable === 'id')
  if (at < 0) return []
  const [further, before, after] = [parts[at - 2], parts[at - 1], parts[at + 1]]
  const found: string[] = []
  if (after !== undefined && 'text' in after) found.push(after.text.charAt(0))
  if (further !== undefined && before !== undefined && 'text' in before) found.push(before.text.slice(-1))
  return found
}

/**
 * Reads the well-formed signatures of a header. In a list, those with another prefix are of other versions
 * and left out.
 */
function createSignatureReader(
  { prefix, separator }: HmacSettings,
  form: RegExp,
): (line: string) => string[] {
  const bare = (item: string): string | undefined => {
    const signature = item.startsWith(prefix) ? item.slice(prefix.length) : undefined
    return signature !== undefined && form.test(signature) ? signature : undefined
  }
  return (line) => {
    const items = separator === undefined ? [line] : line.split(separator)
    const found: string[] = []
    for (const item of items) {
      // Lists are written with blanks after a comma or without (RFC 9110, 5.6.1).
      const signature = bare(separator === ',' || separator === ';' ? trimBlanks(item) : item)
      if (signature !== undefined) found.push(signature)
    }
    return found
  }
}
