/**
 * ISO 8601 of times in milliseconds; that of the last one is kept, for under load many calls share a
 * millisecond.
 */
export function createIsoTime(): (ms: number) => string {
  let last = NaN
  let text = ''
  return (ms) => {
    if (ms !== last) {
      last = ms
      text = new Date(ms).toISOString()
    }
    return text
  }
}
