import type { ConfigMap, Secret } from '../../crds/object.ts'
import type { Json } from '../../runner/plan.ts'

/** The text under a key; undefined when there is no such key. Throws when it is not UTF-8. */
export function readKey(object: ConfigMap | Secret, key: string): string | undefined {
  const plain = object.kind === 'ConfigMap' ? own(object.data, key) : undefined
  if (plain !== undefined) return plain
  const encoded = object.kind === 'ConfigMap' ? own(object.binaryData, key) : own(object.data, key)
  return encoded === undefined ? undefined : decode(encoded)
}

/**
 * How values become JSON: all that are valid JSON, but for numbers that would be other ones then, or only texts,
 * lists and objects so that a number keeps its digits as written.
 */
export type Reading = 'json' | 'digits-kept'

/** All values: what is valid JSON as its JSON, else as a text. Values that are not UTF-8 are left out. */
export function readAll(object: ConfigMap | Secret, reading: Reading): Record<string, Json> {
  const values: Record<string, Json> = {}
  for (const key of Object.keys(object.data ?? {})) {
    try {
      const text = readKey(object, key)
      if (text !== undefined) define(values, key, parse(text, reading))
    } catch {
      // Binary data is no value for an expression.
    }
  }
  return values
}

/** Sets a key that comes from outside, `__proto__` included. */
export function define(target: Record<string, Json>, key: string, value: Json): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

function parse(text: string, reading: Reading): Json {
  try {
    const value = JSON.parse(text) as Json
    if (typeof value === 'number' && !isKept(text)) return text
    const keep = reading === 'digits-kept' && (value === null || ['number', 'boolean'].includes(typeof value))
    return keep ? text : value
  } catch {
    return text
  }
}

/** Whether a number is the same one when it is computed with: a double has 15 digits for certain. */
const isKept = (text: string): boolean =>
  Number.isFinite(Number(text)) && text.replaceAll(/[eE].*|\D/g, '').length <= 15

function decode(base64: string): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(base64, 'base64'))
}

function own(data: Record<string, string> | undefined, key: string): string | undefined {
  return data && Object.hasOwn(data, key) ? data[key] : undefined
}
