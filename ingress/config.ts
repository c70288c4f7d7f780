import { integer, oneOf, text } from '../process/config.ts'

/** Everything that can be set of an ingress process, read from the environment by `main.ts`. */
export const INGRESS_SETTINGS = {
  host: text({ env: 'HOOKLET_HOST', doc: 'Address to listen on.', fallback: '0.0.0.0' }),
  port: integer({
    env: 'HOOKLET_PORT',
    doc: 'Port to listen on; 0 takes a free one.',
    fallback: 8080,
    min: 0,
    max: 65_535,
  }),
  artefacts: text({ env: 'HOOKLET_ARTEFACTS', doc: 'Folder of compiled routes (`hooklet compile`).' }),
  redis: text({
    env: 'HOOKLET_REDIS',
    doc: 'URL of the shared state: redis, rediss, redis+sentinel or redis+cluster.',
    secret: true,
  }),
  redisPrefix: text({ env: 'HOOKLET_REDIS_PREFIX', doc: 'What every key begins with.', fallback: 'hooklet' }),
  partitions: integer({
    env: 'HOOKLET_PARTITIONS',
    doc: 'Into how many partitions the shared state is divided; the same for all processes, and never changed while events wait.',
    fallback: 64,
    min: 1,
    max: 1024,
  }),
  drainSeconds: integer({
    env: 'HOOKLET_DRAIN_SECONDS',
    doc: 'How long calls in flight may take to end after SIGTERM.',
    fallback: 70,
    min: 0,
    max: 3600,
  }),
  logLevel: oneOf({
    env: 'HOOKLET_LOG_LEVEL',
    doc: 'The least severe lines to log.',
    fallback: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
  }),
} as const
