import { baseUrl, integer } from '../process/config.ts'
import { COMMON_SETTINGS, healthPort, PUBLIC_URL, PUBLIC_URL_FALLBACK } from '../process/settings.ts'

/** Everything that can be set of a runner process. */
export const RUNNER_SETTINGS = {
  ...COMMON_SETTINGS,
  port: healthPort(8082),
  publicUrl: baseUrl({ ...PUBLIC_URL, fallback: PUBLIC_URL_FALLBACK }),
  concurrency: integer({
    env: 'HOOKLET_CONCURRENCY',
    doc: 'How many events and woken runs the process has in hand at a time.',
    fallback: 256,
    min: 1,
    max: 100_000,
  }),
  expressionWorkers: integer({
    env: 'HOOKLET_EXPRESSION_WORKERS',
    doc: 'How many expressions are evaluated at the same time, each in a thread of its own.',
    fallback: 2,
    min: 1,
    max: 64,
  }),
} as const
