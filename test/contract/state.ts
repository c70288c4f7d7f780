import { describe } from '@jest/globals'
import { describeAdmission } from './admission.ts'
import { describeDelivery } from './delivery.ts'
import type { StartHarness } from './harness.ts'
import { contractTest } from './harness.ts'
import { describeOnce } from './once.ts'
import { describeReplies } from './replies.ts'
import { describeRooms } from './rooms.ts'
import { describeRuns } from './runs.ts'
import { describeSockets } from './sockets.ts'
import { describeStatistics } from './statistics.ts'

/** What every implementation of the state has to keep; see `StateHarness` for what it brings along. */
export function describeState(name: string, start: StartHarness): void {
  describe(name, () => {
    const check = contractTest(start)
    // They are of one block: Jest runs side by side what a block has itself.
    describeAdmission(check)
    describeDelivery(check)
    describeRooms(check)
    describeReplies(check)
    describeOnce(check)
    describeRuns(check)
    describeStatistics(check)
    describeSockets(check)
  })
}
