/** The real runner with one workflow, a single `call: reply` of a fixed body: `node runner.ts REDIS`. */
import { createExpressionPool } from '../../runner/expression/pool.ts'
import { createPlanTable } from '../../runner/plans/table.ts'
import { createRunner } from '../../runner/runner.ts'
import { systemClock } from '../../state/clock.ts'
import { createRedisState } from '../../state/redis/redis.ts'

const plans = createPlanTable()
plans.put({
  version: 1,
  namespace: 'bench',
  name: 'reply',
  uid: 'reply',
  generation: 1,
  suspended: false,
  triggers: [{ webhook: 'hook-0' }],
  globals: {},
  secrets: {},
  document: { name: 'reply', namespace: 'bench', version: '0.0.1', dsl: '1.0.3' },
  do: [
    {
      type: 'call:reply',
      name: 'reply',
      pointer: '/do/0/reply',
      then: 'continue',
      with: { literal: { body: { success: true } } },
    },
  ],
})
const silent = (): void => {}
const state = createRedisState({ url: process.argv[2] ?? '' })
createRunner({
  state: state.runner('bench'),
  plans,
  expressions: createExpressionPool(),
  fetch,
  clock: systemClock,
  random: Math.random,
  log: {
    debug: silent,
    info: silent,
    warn: silent,
    error: (_, message) => process.stderr.write(`${message}\n`),
  },
  runtime: null,
}).start()
process.stdout.write('port 0\n')
