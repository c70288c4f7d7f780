import { integer, text } from '../process/config.ts'
import { COMMON_SETTINGS } from '../process/settings.ts'

/** Everything that can be set of a runner process. */
export const RUNNER_SETTINGS = {
  ...COMMON_SETTINGS,
  port: integer({
    env: 'HOOKLET_HEALTH_PORT',
    doc: 'Port to listen on for probes; 0 takes a free one.',
    fallback: 8081,
    min: 0,
    max: 65_535,
  }),
  publicUrl: text({
    env: 'HOOKLET_PUBLIC_URL',
    doc: 'What callers see in front of `/webhooks/`; workflows read it as `$runtime.metadata.publicUrl`.',
    fallback: 'http://127.0.0.1:8080',
  }),
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
