/**
 * What jq does with values, where it is certain. Everything else is {@link LeftToJq}: what jq refuses,
 * numbers whose text is jq's own, halves of surrogate pairs (jq reads them as U+FFFD), and keys that are
 * array indices to JavaScript where their order would show.
 */
import type { Json } from '../../../state/event.ts'
import { MAX_JSON_DEPTH } from '../depth.ts'
import type { Meter } from './meter.ts'
import { LeftToJq } from './node.ts'

export type Kind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object'
export type JsonObject = { [key: string]: Json }

/** In jq's order; true comes after false. */
const KINDS: Kind[] = ['null', 'boolean', 'number', 'string', 'array', 'object']

/** @throws {LeftToJq} for what is no JSON. */
export function kindOf(value: Json): Kind {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  const type: string = typeof value
  if (type === 'string' || type === 'boolean' || type === 'object') return type
  if (Number.isFinite(value)) return 'number'
  throw new LeftToJq()
}

export function isTrue(value: Json): boolean {
  // `JSON.parse` has Infinity for what is too large; jq gets null instead of it.
  if (typeof value === 'number' && !Number.isFinite(value)) throw new LeftToJq()
  return value !== null && value !== false
}

/** A number that jq and JavaScript write alike, whether jq calculated or only read it. */
export function isPlainNumber(value: number): boolean {
  const size = Math.abs(value)
  return size < 1e15 && (size >= 1e-3 || size === 0)
}

/** Whether no other key is the same one to jq. */
export function isPlainKey(key: string): boolean {
  return key.isWellFormed() && !key.includes('\ufffd')
}

/** A number that was calculated. */
export function number(value: number): number {
  if (!Number.isFinite(value) || Object.is(value, -0)) throw new LeftToJq()
  return value
}

export function asNumber(value: Json): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new LeftToJq()
  return value
}

export function asString(value: Json, meter: Meter): string {
  if (typeof value !== 'string') throw new LeftToJq()
  meter.spendText(value.length)
  if (!value.isWellFormed()) throw new LeftToJq()
  return value
}

export function asArray(value: Json, meter: Meter): Json[] {
  if (!Array.isArray(value)) throw new LeftToJq()
  meter.spend(1 + value.length)
  return value
}

function asObject(value: Json): JsonObject {
  if (kindOf(value) !== 'object') throw new LeftToJq()
  return value as JsonObject
}

/** The keys of an object, in no certain order. */
export function keysOf(value: Json, meter: Meter): string[] {
  const keys = Object.keys(asObject(value))
  for (const key of keys) {
    meter.spendText(key.length)
    if (!isPlainKey(key) || (value as JsonObject)[key] === undefined) throw new LeftToJq()
  }
  return keys
}

/**
 * The keys of an object in the order in which jq has them: that of their coming, as in JavaScript, but for
 * array indices.
 */
export function orderedKeysOf(value: Json, meter: Meter): string[] {
  const keys = keysOf(value, meter)
  if (keys.some((key) => /^\d/.test(key))) throw new LeftToJq()
  return keys
}

/** The value of an object's own key. */
export function valueAt(object: Json, key: string): Json {
  return (object as JsonObject)[key] ?? null
}

/** `value[]` */
export function itemsOf(value: Json, meter: Meter): Json[] {
  if (Array.isArray(value)) return asArray(value, meter)
  return orderedKeysOf(value, meter).map((key) => valueAt(value, key))
}

/** Sets own data, also under `__proto__`. */
export function setKey(object: JsonObject, key: string, value: Json): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  else object[key] = value
}

/** `value[key]` */
export function index(value: Json, key: Json, meter: Meter): Json {
  if (typeof key === 'string') meter.spendText(key.length)
  if (value === null && (typeof key === 'string' || isIndex(key))) return null
  if (typeof key === 'string' && isPlainKey(key)) {
    const object = asObject(value)
    return Object.hasOwn(object, key) ? (object[key] ?? null) : null
  }
  if (Array.isArray(value) && isIndex(key)) return value[key < 0 ? key + value.length : key] ?? null
  throw new LeftToJq()
}

/** A number that jq takes for an index as it is. */
function isIndex(value: Json): value is number {
  return Number.isInteger(value) && Math.abs(value as number) < 2 ** 31
}

/** `value[from:to]`, null for an open end. */
export function slice(value: Json, { from, to }: { from: Json; to: Json }, meter: Meter): Json {
  const start = from ?? 0
  const end = to ?? undefined
  if (!isIndex(start) || (end !== undefined && !isIndex(end))) throw new LeftToJq()
  if (value === null) return null
  if (Array.isArray(value)) return asArray(value, meter).slice(start, end)
  const text = asString(value, meter)
  // jq counts characters.
  if (!/[\ud800-\udfff]/.test(text)) return text.slice(start, end)
  meter.spend(text.length)
  return Array.from(text).slice(start, end).join('')
}

/** As jq's `==`. */
export function equals(a: Json, b: Json, meter: Meter): boolean {
  const kind = kindOf(a)
  meter.spend(1)
  if (kind !== kindOf(b)) return false
  if (kind === 'string') return asString(a, meter) === asString(b, meter)
  if (kind === 'array') {
    const [left, right] = [a as Json[], b as Json[]]
    return left.length === right.length && left.every((item, at) => equals(item, right[at] ?? null, meter))
  }
  if (kind !== 'object') return a === b
  const keys = keysOf(a, meter)
  return (
    keys.length === keysOf(b, meter).length &&
    keys.every(
      (key) => Object.hasOwn(b as JsonObject, key) && equals(valueAt(a, key), valueAt(b, key), meter),
    )
  )
}

/** Negative when `a` comes before `b` in jq's order; two objects are left to jq. */
export function compare(a: Json, b: Json, meter: Meter): number {
  const kind = kindOf(a)
  meter.spend(1)
  if (kind !== kindOf(b)) return KINDS.indexOf(kind) - KINDS.indexOf(kindOf(b))
  if (kind === 'null') return 0
  if (kind === 'boolean' || kind === 'number') return Number(a) - Number(b)
  if (kind === 'string') return compareText(asString(a, meter), asString(b, meter))
  if (kind === 'object') throw new LeftToJq()
  const [left, right] = [a as Json[], b as Json[]]
  for (const [at, item] of left.entries()) {
    if (at >= right.length) return 1
    const order = compare(item, right[at] ?? null, meter)
    if (order !== 0) return order
  }
  return left.length - right.length
}

/**
 * By code points, as jq does by the bytes of UTF-8; JavaScript has halves of surrogate pairs before U+E000.
 */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  let at = 0
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at++
  if (at >= a.length || at >= b.length) return a.length - b.length
  const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)]
  return isSurrogate(left) === isSurrogate(right) ? left - right : isSurrogate(left) ? 1 : -1
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

/** As jq's `tostring`. */
export function toText(value: Json, meter: Meter): string {
  return typeof value === 'string' ? asString(value, meter) : toJson(value, meter)
}

/** As jq's `tojson`. */
export function toJson(value: Json, meter: Meter, depth: number = MAX_JSON_DEPTH): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return quote(asString(value, meter))
  if (typeof value === 'number') {
    if (!isPlainNumber(value)) throw new LeftToJq()
    return String(value)
  }
  if (depth === 0) throw new LeftToJq()
  const write = (item: Json): string => toJson(item, meter, depth - 1)
  if (Array.isArray(value)) return `[${asArray(value, meter).map(write).join(',')}]`
  const entries = orderedKeysOf(value, meter).map((key) => `${quote(key)}:${write(valueAt(value, key))}`)
  return `{${entries.join(',')}}`
}

function quote(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f')
}

/**
 * Holds a value against the bounds of an output.
 * @throws {LeftToJq} when it may be over them, or when jq would write it otherwise than JavaScript.
 */
export function checkOutput(output: Json, maxOutput: number, meter: Meter): void {
  let length = 0
  const visit = (value: Json, depth: number): void => {
    meter.spend(1)
    length += lengthOf(value)
    if (length > maxOutput) throw new LeftToJq()
    if (value === null || typeof value !== 'object') return
    if (depth === 0) throw new LeftToJq()
    if (Array.isArray(value)) for (const item of value) visit(item, depth - 1)
    else
      for (const key of keysOf(value, meter)) {
        length += lengthOf(key)
        visit(valueAt(value, key), depth - 1)
      }
  }
  const lengthOf = (value: Json): number =>
    // In JSON a character takes six at most, a number 25.
    kindOf(value) === 'string' ? 6 * asString(value, meter).length + 4 : 26
  visit(output, MAX_JSON_DEPTH)
}
