/**
 * ISO 8601 of times in milliseconds; that of the last one is kept, for under load many calls share a
 * millisecond, and thousands a second.
 */
export function createIsoTime(): (ms: number) => string {
  let last = NaN
  let text = ''
  let second = NaN
  let upToSecond = ''
  return (ms) => {
    if (ms === last) return text
    const part = ms % 1000
    if (ms - part !== second) {
      second = ms - part
      upToSecond = new Date(second).toISOString().slice(0, -4)
    }
    last = ms
    text = `${upToSecond}${String(part).padStart(3, '0')}Z`
    return text
  }
}
