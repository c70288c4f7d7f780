const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Milliseconds of a duration as Go and Kubernetes write it: `90s`, `1m30s` or `500ms`. Throws on anything
 * else; the CRD's rules let nothing else in.
 */
export function parseGoDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw new RangeError(`${text} is not a duration`)
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ''] ?? 0), 0)
}

const UNIT_BYTES: Record<string, number> = { '': 1, Ki: 1024, Mi: 1024 * 1024 }

/** Bytes of a size as in `4096`, `256Ki` or `4Mi`. Throws on anything else. */
export function parseBytes(text: string): number {
  const match = /^(\d+)(Ki|Mi)?$/.exec(text)
  if (!match) throw new RangeError(`${text} is not a size`)
  return Number(match[1]) * (UNIT_BYTES[match[2] ?? ''] ?? 1)
}
