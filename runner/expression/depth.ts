import type { Json } from '../../state/event.ts'

/**
 * How deep JSON may nest that enters or leaves a run: deep enough for people, shallow enough for every
 * recursive reader.
 */
export const MAX_JSON_DEPTH = 200

/** Whether no value in it lies deeper than `depth`. */
export function isWithinDepth(value: Json, depth: number = MAX_JSON_DEPTH): boolean {
  if (value === null || typeof value !== 'object') return true
  if (depth === 0) return false
  for (const item of Object.values(value)) if (!isWithinDepth(item, depth - 1)) return false
  return true
}
