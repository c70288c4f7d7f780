/**
 * The members of a JSON object; undefined when the bytes are not one. The prototype is not touched by what is
 * read.
 */
export function jsonObject(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(strictUtf8.decode(bytes)))
  } catch {
    return undefined
  }
}

export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })
