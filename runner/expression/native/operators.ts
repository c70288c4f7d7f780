/** jq's arithmetic and comparisons. */
import type { Json } from '../../../state/event.ts'
import type { Meter } from './meter.ts'
import { LeftToJq } from './node.ts'
import type { Operator } from './node.ts'
import { asNumber, asString, compare, equals, keysOf, number } from './values.ts'
import type { JsonObject } from './values.ts'

type Operation = (left: Json, right: Json, meter: Meter) => Json

export const OPERATIONS: Record<Operator, Operation> = {
  '==': equals,
  '!=': (left, right, meter) => !equals(left, right, meter),
  '<': (left, right, meter) => compare(left, right, meter) < 0,
  '<=': (left, right, meter) => compare(left, right, meter) <= 0,
  '>': (left, right, meter) => compare(left, right, meter) > 0,
  '>=': (left, right, meter) => compare(left, right, meter) >= 0,
  '+': add,
  '-': (left, right) => number(asNumber(left) - asNumber(right)),
  '*': (left, right) => number(asNumber(left) * asNumber(right)),
  // By zero it is no finite number.
  '/': (left, right, meter) =>
    typeof left === 'string' ? split(left, right, meter) : number(asNumber(left) / asNumber(right)),
  '%': (left, right) => modulo(asNumber(left), asNumber(right)),
}

export function add(left: Json, right: Json, meter: Meter): Json {
  if (left === null) return right
  if (right === null) return left
  if (typeof left === 'number') return number(asNumber(left) + asNumber(right))
  if (typeof left === 'string') return asString(left, meter) + asString(right, meter)
  if (Array.isArray(left) && Array.isArray(right)) {
    meter.spend(left.length + right.length)
    return [...left, ...right]
  }
  meter.spend(keysOf(left, meter).length + keysOf(right, meter).length)
  return { ...(left as JsonObject), ...(right as JsonObject) }
}

/** jq divides whole numbers, cut off, with the sign of the first; there is no -0. */
function modulo(left: number, right: number): number {
  const [a, b] = [Math.trunc(left), Math.trunc(right)]
  if (!Number.isSafeInteger(a) || !Number.isSafeInteger(b) || b === 0) throw new LeftToJq()
  return (a % b) + 0
}

export function split(value: Json, separator: Json, meter: Meter): Json {
  const text = asString(value, meter)
  const by = asString(separator, meter)
  if (text === '') return []
  meter.spend(text.length)
  meter.spendSearch(text, by)
  return by === '' ? Array.from(text) : text.split(by)
}
