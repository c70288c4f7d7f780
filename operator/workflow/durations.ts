import type { Duration } from '../../runner/plan.ts'
import { lookUp } from './definitions.ts'
import { isRecord, list, readExpression, readObject, type Field } from './field.ts'

const UNITS = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1000, milliseconds: 1 } as const
const UNIT_NAMES = Object.keys(UNITS) as (keyof typeof UNITS)[]

/** Longer waits and timeouts are most likely mistakes, and a parked run takes room. */
const MAX_DAYS = 366
const MAX_MS = MAX_DAYS * UNITS.days

/** ISO 8601 without years and months, whose length nobody knows. */
const ISO_8601 =
  /^P(?=.)(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})(?:\.(\d{1,3}))?S)?)?$/

/** A duration: an object of units, ISO 8601, or an expression that gives either when its turn comes. */
export function readDuration(field: Field | undefined): Duration | undefined {
  if (!field) return undefined
  if (typeof field.value === 'string') {
    if (field.value.includes('${')) return readExpression(field)
    const ms = isoMilliseconds(field.value)
    if (ms === undefined) return field.fault('must be a duration such as PT30S, or {seconds: 30}')
    return bounded(field, ms)
  }
  if (!isRecord(field.value)) return field.fault('must be a duration such as PT30S, or {seconds: 30}')
  const units = readObject(field, { optional: UNIT_NAMES })
  if (Object.keys(field.value).length === 0) return field.fault(`must have one of ${list(UNIT_NAMES)}`)
  let ms = 0
  for (const [name, unit] of Object.entries(units ?? {})) {
    const count = unit?.value
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 0)
      return unit?.fault('must be a whole number')
    ms += count * UNITS[name as keyof typeof UNITS]
  }
  return bounded(field, ms)
}

function bounded(field: Field, ms: number): Duration | undefined {
  return ms <= MAX_MS ? { ms } : field.fault(`must be at most ${MAX_DAYS} days`)
}

function isoMilliseconds(text: string): number | undefined {
  const match = ISO_8601.exec(text)
  if (!match) return undefined
  const [weeks, days, hours, minutes, seconds] = match.slice(1, 6).map((count) => Number(count ?? 0))
  const fraction = Number((match[6] ?? '').padEnd(3, '0'))
  return (
    ((weeks ?? 0) * 7 + (days ?? 0)) * UNITS.days +
    (hours ?? 0) * UNITS.hours +
    (minutes ?? 0) * UNITS.minutes +
    (seconds ?? 0) * UNITS.seconds +
    fraction
  )
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
