import type { Json } from '../../state/event.ts'

const UNITS: Record<string, number> = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
  milliseconds: 1,
}

const ISO = /^P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/

/** A year: what is longer is a mistake, and would outlive every deployment. */
export const MAX_DURATION_MS = 365 * 86_400_000

/**
 * The milliseconds of an ISO 8601 duration of days and smaller units (months have no fixed length), or of an object of units.
 * `undefined` when it is neither, or longer than a year.
 */
export function toMilliseconds(value: Json): number | undefined {
  const ms = typeof value === 'string' ? ofText(value) : ofUnits(value)
  return ms !== undefined && ms >= 0 && ms <= MAX_DURATION_MS ? Math.round(ms) : undefined
}

function ofText(text: string): number | undefined {
  const match = ISO.exec(text)
  if (!match || text.endsWith('P') || text.endsWith('T')) return undefined
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = match
  return (
    Number(days) * 86_400_000 + Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000
  )
}

function ofUnits(value: Json): number | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  let ms = 0
  for (const [unit, amount] of Object.entries(value)) {
    const size = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined
    if (size === undefined || typeof amount !== 'number') return undefined
    ms += amount * size
  }
  return ms
}
