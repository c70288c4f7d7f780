import type { Metric } from '../process/metrics.ts'
import { single } from '../process/metrics.ts'
import type { PlanTable } from './plans/table.ts'
import type { Runner } from './runner.ts'

/** What can be measured of a runner process. */
export function runnerMetrics(
  runner: Runner,
  { plans, concurrency }: { plans: PlanTable; concurrency: number },
): Metric[] {
  return [
    single('gauge', 'hooklet_runner_in_hand', {
      help: 'Events and woken runs that the process works on.',
      read: () => runner.inHand,
    }),
    single('gauge', 'hooklet_runner_concurrency', {
      help: 'How many it works on at most.',
      read: () => concurrency,
    }),
    single('gauge', 'hooklet_runner_plans', {
      help: 'Workflows that it can run.',
      read: () => plans.size,
    }),
  ]
}
