import {
  DURATION_UNITS,
  durationMs,
  isDurationCount,
  MAX_DURATION_DAYS,
  MAX_DURATION_MS,
} from '../../runner/duration.ts'
import type { Duration, Json } from '../../runner/plan.ts'
import { lookUp } from './definitions.ts'
import { isRecord, list, readExpression, readObject, type Field } from './field.ts'

const UNIT_NAMES = Object.keys(DURATION_UNITS) as (keyof typeof DURATION_UNITS)[]

/** A duration: an object of units, ISO 8601, or an expression that gives either when its turn comes. */
export function readDuration(field: Field | undefined): Duration | undefined {
  if (!field) return undefined
  if (typeof field.value === 'string' && field.value.includes('${')) return readExpression(field)
  if (isRecord(field.value) && !hasUnits(field)) return undefined
  const ms = durationMs(field.value as Json)
  if (ms === undefined) return field.fault('must be a duration such as PT30S, or {seconds: 30}')
  // Longer waits and timeouts are most likely mistakes, and a parked run takes room.
  return ms <= MAX_DURATION_MS ? { ms } : field.fault(`must be at most ${MAX_DURATION_DAYS} days`)
}

/** Faults are told at the unit that has them. */
function hasUnits(field: Field): boolean {
  if (isRecord(field.value) && Object.keys(field.value).length === 0) {
    field.fault(`must have one of ${list(UNIT_NAMES)}`)
    return false
  }
  const units = Object.values(readObject(field, { optional: UNIT_NAMES }) ?? {})
  // What else stands there has been told.
  if (units.length === 0) return false
  const wrong = units.filter((unit) => unit && !isDurationCount(unit.value))
  for (const unit of wrong) unit?.fault('must be a number, and not a negative one')
  return wrong.length === 0
}

/** `{after: DURATION}`, or the name of one in `use.timeouts`. */
export function readTimeout(field: Field | undefined): Duration | undefined {
  if (!field) return undefined
  if (typeof field.value === 'string') {
    const definition = lookUp(field, 'timeouts', field.value)
    return definition && readTimeoutObject(definition)
  }
  return readTimeoutObject(field)
}

export function readTimeoutObject(field: Field): Duration | undefined {
  return readDuration(readObject(field, { required: ['after'] })?.after)
}
