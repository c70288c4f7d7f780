import type { Json } from '../../state/event.ts'
import { failure } from '../run/problem.ts'

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]{1,255}$/
/** RFC 9110 section 5.5, without what is not ASCII or Latin-1: Node refuses it. */
// oxlint-disable-next-line no-control-regex -- a tab is the one control character that is allowed
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

const MAX_HEADERS = 100
const MAX_CHARACTERS = 16_384

/**
 * An object of headers with names in lower case; null leaves one out, numbers and booleans are written as
 * text, an array is joined.
 * @throws {WorkflowError} validation, which names the header and never shows its value.
 */
export function readHeaders(headers: Json | undefined): Record<string, string> {
  if (headers === undefined || headers === null) return {}
  if (typeof headers !== 'object' || Array.isArray(headers))
    throw failure('validation', 'headers is not an object')
  const texts = new Map<string, string>()
  let characters = 0
  for (const [given, value] of Object.entries(headers)) {
    const name = given.toLowerCase()
    if (!NAME.test(name)) throw failure('validation', `${JSON.stringify(given)} is not the name of a header`)
    if (value === null) continue
    const items = Array.isArray(value) ? value : [value]
    if (items.some((item) => typeof item === 'object'))
      throw failure('validation', `the header ${name} is not a text`)
    const text = items.map(String).join(', ')
    if (!VALUE.test(text))
      throw failure('validation', `the header ${name} holds a character that headers can't have`)
    texts.set(name, text)
    characters += name.length + text.length
  }
  if (texts.size > MAX_HEADERS || characters > MAX_CHARACTERS)
    throw failure(
      'validation',
      `headers are at most ${MAX_HEADERS} and ${MAX_CHARACTERS} characters together`,
    )
  return Object.fromEntries(texts)
}
