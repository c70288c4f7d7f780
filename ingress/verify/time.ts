import type { HmacSettings } from '../route.ts'

export type TimeFormat = HmacSettings['timestampFormat']

// RFC 3339, 5.6, with upper-case T and Z.
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/**
 * The time that a header tells, in milliseconds since 1970; undefined when it is not exactly of the format. A
 * number has one spelling: with leading zeros, what stands before a signed time could be read as a part of
 * it.
 */
export function parseTime(text: string, format: TimeFormat): number | undefined {
  switch (format) {
    case 'UnixSeconds':
      return /^(0|[1-9]\d{0,11})$/.test(text) ? Number(text) * 1000 : undefined
    case 'UnixMilliseconds':
      return /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined
    case 'RFC3339': {
      const time = DATE_TIME.test(text) ? Date.parse(text) : NaN
      return Number.isNaN(time) ? undefined : time
    }
  }
}

/** The tolerance of a route that tells none: five minutes, as most providers advise. */
export const DEFAULT_TOLERANCE_MS = 300_000
