/** The functions and formats of jq that are evaluated natively. */
import type { Json } from '../../../state/event.ts'
import type { Meter } from './meter.ts'
import { LeftToJq } from './node.ts'
import { add, split } from './operators.ts'
import {
  asArray,
  asNumber,
  asString,
  compareText,
  index,
  isPlainNumber,
  isTrue,
  keysOf,
  kindOf,
  number,
  orderedKeysOf,
  toJson,
  toText,
  valueAt,
} from './values.ts'

/** A function whose arguments have one value each. */
type Call = (input: Json, meter: Meter, args: Json[]) => Json

/** By name and number of arguments, as jq tells them apart. */
export const FUNCTIONS: Record<string, Call> = {
  'abs/0': (input) => number(Math.abs(asNumber(input))),
  'add/0': (input, meter) => asArray(input, meter).reduce((sum, item) => add(sum, item, meter), null),
  'all/0': (input, meter) => asArray(input, meter).every(isTrue),
  'any/0': (input, meter) => asArray(input, meter).some(isTrue),
  'ascii_downcase/0': (input, meter) =>
    rewrite(asString(input, meter), /[A-Z]+/g, (letters) => letters.toLowerCase(), meter),
  'ascii_upcase/0': (input, meter) =>
    rewrite(asString(input, meter), /[a-z]+/g, (letters) => letters.toUpperCase(), meter),
  'ceil/0': (input) => number(Math.ceil(asNumber(input))),
  'contains/1': (input, meter, [part = null]) =>
    contains(asString(input, meter), asString(part, meter), meter),
  'endswith/1': (input, meter, [end = null]) => asString(input, meter).endsWith(asString(end, meter)),
  // An error is for jq to say; where there is none, the rest of the program is as simple as without it.
  'error/0': leave,
  'error/1': leave,
  'first/0': (input, meter) => index(input, 0, meter),
  'floor/0': (input) => number(Math.floor(asNumber(input))),
  'has/1': (input, meter, [key = null]) => has(input, key, meter),
  'join/1': (input, meter, [separator = null]) => join(input, separator, meter),
  'keys/0': (input, meter) =>
    Array.isArray(input) ? asArray(input, meter).map((_, at) => at) : sortedKeys(input, meter),
  'last/0': (input, meter) => index(input, -1, meter),
  'length/0': length,
  'ltrimstr/1': (input, meter, [start = null]) => {
    const [text, prefix] = [asString(input, meter), asString(start, meter)]
    return text.startsWith(prefix) ? text.slice(prefix.length) : text
  },
  'not/0': (input) => !isTrue(input),
  'round/0': (input) => number(round(asNumber(input))),
  'rtrimstr/1': (input, meter, [end = null]) => {
    const [text, suffix] = [asString(input, meter), asString(end, meter)]
    return text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text
  },
  'split/1': (input, meter, [separator = null]) => split(input, separator, meter),
  'startswith/1': (input, meter, [start = null]) => asString(input, meter).startsWith(asString(start, meter)),
  'to_entries/0': (input, meter) =>
    orderedKeysOf(input, meter).map((key) => ({ key, value: valueAt(input, key) })),
  'tojson/0': (input, meter) => toJson(input, meter),
  'tonumber/0': (input, meter) =>
    typeof input === 'string' ? readNumber(asString(input, meter)) : asNumber(input),
  'tostring/0': (input, meter) => toText(input, meter),
  'trim/0': (input, meter) => trim(asString(input, meter)),
  'type/0': (input) => kindOf(input),
  'utf8bytelength/0': (input, meter) => Buffer.byteLength(asString(input, meter)),
}

/** `@name`, also of each interpolation of the string after it. */
export const FORMATS: Record<string, (input: Json, meter: Meter) => string> = {
  '@text': toText,
  '@json': (input, meter) => toJson(input, meter),
  '@uri': (input, meter) =>
    rewrite(encodeURIComponent(toText(input, meter)), /[!'()*]/g, percentEncode, meter),
  '@base64': (input, meter) => Buffer.from(toText(input, meter)).toString('base64'),
}

function leave(): never {
  throw new LeftToJq()
}

function rewrite(text: string, pattern: RegExp, write: (match: string) => string, meter: Meter): string {
  meter.spendCharacters(text.length)
  return text.replaceAll(pattern, write)
}

function percentEncode(mark: string): string {
  return `%${mark.charCodeAt(0).toString(16).toUpperCase()}`
}

function contains(text: string, part: string, meter: Meter): boolean {
  meter.spendSearch(text, part)
  return text.includes(part)
}

function length(input: Json, meter: Meter): Json {
  switch (kindOf(input)) {
    case 'null':
      return 0
    case 'number':
      return Math.abs(input as number)
    case 'string':
      return countCharacters(asString(input, meter), meter)
    case 'array':
      return (input as Json[]).length
    case 'object':
      return keysOf(input, meter).length
    case 'boolean':
      throw new LeftToJq()
  }
}

function countCharacters(text: string, meter: Meter): number {
  if (!/[\ud800-\udbff]/.test(text)) return text.length
  meter.spendCharacters(text.length)
  return text.length - (text.match(/[\ud800-\udbff]/g)?.length ?? 0)
}

function has(input: Json, key: Json, meter: Meter): boolean {
  if (Array.isArray(input)) {
    if (!Number.isInteger(key)) throw new LeftToJq()
    return (key as number) >= 0 && (key as number) < input.length
  }
  return keysOf(input, meter).includes(asString(key, meter))
}

function sortedKeys(input: Json, meter: Meter): string[] {
  const keys = keysOf(input, meter)
  meter.spend(keys.length * Math.ceil(Math.log2(keys.length + 1)))
  return keys.toSorted(compareText)
}

function join(input: Json, separator: Json, meter: Meter): string {
  const items = asArray(input, meter).map((item) => {
    if (typeof item === 'object' && item !== null) throw new LeftToJq()
    return item === null ? '' : toText(item, meter)
  })
  const between = asString(separator, meter)
  meter.spendText(between.length * items.length)
  return items.join(between)
}

/** Halves away from zero, as C does. */
function round(value: number): number {
  const whole = Math.trunc(value)
  return Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole
}

/** Of texts only that are written as the number would be: jq keeps how it was written. */
function readNumber(text: string): number {
  const value = Number(text)
  if (!isPlainNumber(value) || String(value) !== text) throw new LeftToJq()
  return value
}

/** Beyond ASCII it is jq's to say what white space is. */
function trim(text: string): string {
  const trimmed = text.trim()
  if (/^[\0-\x7f]*$/.test(text)) return trimmed
  throw new LeftToJq()
}
