import { describe } from '@jest/globals'
import { describeAdmission } from './admission.ts'
import { describeDelivery } from './delivery.ts'
import type { StartHarness } from './harness.ts'
import { describeOnce } from './once.ts'
import { describeReplies } from './replies.ts'
import { describeRuns } from './runs.ts'
import { describeSockets } from './sockets.ts'
import { describeStatistics } from './statistics.ts'

/** What every implementation of the state has to keep; see `StateHarness` for what it brings along. */
export function describeState(name: string, start: StartHarness): void {
  describe(name, () => {
    describe('admission', () => describeAdmission(start))
    describe('delivery', () => describeDelivery(start))
    describe('replies', () => describeReplies(start))
    describe('once', () => describeOnce(start))
    describe('runs', () => describeRuns(start))
    describe('statistics', () => describeStatistics(start))
    describe('sockets', () => describeSockets(start))
  })
}
