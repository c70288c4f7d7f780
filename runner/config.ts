import { baseUrl, integer } from '../process/config.ts'
import {
  COMMON_SETTINGS,
  EXPRESSION_WORKERS,
  healthPort,
  PUBLIC_URL,
  PUBLIC_URL_FALLBACK,
} from '../process/settings.ts'

/** Everything that can be set of a runner process. */
export const RUNNER_SETTINGS = {
  ...COMMON_SETTINGS,
  healthPort: healthPort(8082),
  publicUrl: baseUrl({ ...PUBLIC_URL, fallback: PUBLIC_URL_FALLBACK }),
  concurrency: integer({
    env: 'HOOKLET_CONCURRENCY',
    doc: 'How many events and woken runs the process has in hand at a time. One webhook has at most four fifths of them, one namespace eight ninths.',
    fallback: 320,
    min: 1,
    max: 100_000,
  }),
  expressionWorkers: EXPRESSION_WORKERS,
} as const
