/**
 * Durations of the workflow standard (Open Workflow Specification DSL 1.0, `Duration`): one reading, for what
 * is written and for what is computed.
 */
import type { Json } from '../state/event.ts'

/** The units of a duration that is an object, in milliseconds. */
export const DURATION_UNITS = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
  milliseconds: 1,
} as const

export const MAX_DURATION_DAYS = 366
/** A year: what is longer is a mistake, and would outlive every deployment. */
export const MAX_DURATION_MS = MAX_DURATION_DAYS * DURATION_UNITS.days

const NUMBER = String.raw`(\d{1,15}(?:\.\d{1,9})?)`
/** ISO 8601 without years and months, whose length nobody knows. */
const ISO_8601 = new RegExp(
  `^P(?=.)(?:${NUMBER}W)?(?:${NUMBER}D)?(?:T(?=\\d)(?:${NUMBER}H)?(?:${NUMBER}M)?(?:${NUMBER}S)?)?$`,
)
const ISO_UNITS = [
  7 * DURATION_UNITS.days,
  DURATION_UNITS.days,
  DURATION_UNITS.hours,
  DURATION_UNITS.minutes,
  DURATION_UNITS.seconds,
]

/**
 * The milliseconds of a duration, be it a text in ISO 8601 or an object of units, however long; undefined
 * when it is neither.
 */
export function durationMs(value: Json): number | undefined {
  return typeof value === 'string' ? ofText(value) : ofUnits(value)
}

/** The same, for what may be waited: undefined also when it is longer than {@link MAX_DURATION_DAYS} days. */
export function toMilliseconds(value: Json): number | undefined {
  const ms = durationMs(value)
  return ms !== undefined && ms <= MAX_DURATION_MS ? ms : undefined
}

/** A number of units: neither negative nor endless. */
export const isDurationCount = (count: unknown): count is number =>
  typeof count === 'number' && Number.isFinite(count) && count >= 0

function ofText(text: string): number | undefined {
  const counts = ISO_8601.exec(text)?.slice(1)
  if (!counts) return undefined
  return Math.round(ISO_UNITS.reduce((sum, unit, index) => sum + Number(counts[index] ?? 0) * unit, 0))
}

function ofUnits(value: Json): number | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  const entries = Object.entries(value)
  if (entries.length === 0) return undefined
  let ms = 0
  for (const [name, count] of entries) {
    const unit = Object.hasOwn(DURATION_UNITS, name)
      ? DURATION_UNITS[name as keyof typeof DURATION_UNITS]
      : undefined
    if (unit === undefined || !isDurationCount(count)) return undefined
    ms += count * unit
  }
  return Math.round(ms)
}
