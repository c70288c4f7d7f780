/** Hundreds of calls a second, and open WebSockets, while something happens. */
import { expect } from '@jest/globals'
import type { Load } from '../../support/load.ts'
import { startSteadyLoad } from '../../support/load.ts'
import type { EffectServer } from '../processes/fleet.ts'
import type { Place } from './installed.ts'
import { createCaller, served, stay, urlOf } from './objects.ts'

export const PER_SECOND = 200
const GUESTS = 20

/**
 * Calls all the time, looks at every answer and that every accepted event is run, and keeps WebSockets open,
 * whose pods have to be replaced meanwhile. The Webhooks are those of `hooks`.
 */
export async function underLoad(
  place: Place,
  server: EffectServer,
  act: (load: Load) => Promise<void>,
): Promise<void> {
  const [stored = '', replied = '', echo = ''] = await Promise.all(
    ['stored', 'replied', 'echo'].map((name) => urlOf(place, name)),
  )
  await Promise.all([stored, replied, echo].map(served))
  const caller = createCaller()
  const codes: number[] = []
  const guests = await Promise.all(Array.from({ length: GUESTS }, () => stay(echo, codes)))
  const accepted: number[] = []
  // No number is used twice.
  const [first, began] = [Date.now(), performance.now()]
  const load = startSteadyLoad(PER_SECOND, async (count) => {
    const n = first + count
    // Every fourth caller waits for what its workflow says.
    const waits = count % 4 === 0
    const { status, text } = await caller.post(waits ? replied : stored, { n })
    if (status !== 200) return `${status} ${text} after ${((performance.now() - began) / 1000).toFixed(1)} s`
    if (waits) return text === JSON.stringify({ n }) ? undefined : `${n} got ${text}`
    accepted.push(n)
    return undefined
  })
  try {
    await load.served(2 * PER_SECOND)
    await act(load)
    await load.served(2 * PER_SECOND)
    const calls = await load.stop()
    expect({ failed: load.wrong.length, first: load.wrong.slice(0, 5) }).toEqual({ failed: 0, first: [] })
    await server.reached('stored', accepted)
    // One that came from the first old pod to the second has been sent away twice.
    expect(codes.length).toBeGreaterThanOrEqual(GUESTS)
    expect(new Set(codes)).toEqual(new Set([1012]))
    expect(await Promise.all(guests.map((guest, n) => guest.ask(`number ${n}`)))).toEqual(
      guests.map((_, n) => `number ${n}`),
    )
    process.stderr.write(
      `${calls} calls, ${accepted.length} stored and run, none failed; ${codes.length} WebSockets closed with 1012 and opened again\n`,
    )
  } finally {
    await load.stop()
    for (const guest of guests) guest.leave()
    caller.close()
  }
}
