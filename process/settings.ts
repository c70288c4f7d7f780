import { integer, oneOf, optionalInteger, optionalText, text, type Config } from './config.ts'

/**
 * What callers see in front of `/webhooks/`. The ingress does without it, and then can't verify those who
 * sign the URL; the others need one to tell, so that each says by itself what it takes when it is not set.
 */
export const PUBLIC_URL = {
  env: 'HOOKLET_PUBLIC_URL',
  doc: 'What callers see in front of `/webhooks/`, for example `https://hooks.example.com`: of this the URLs are made that the operator tells, providers that sign the URL are verified by it (Twilio, Square), and workflows read it as `$runtime.metadata.publicUrl`.',
} as const
/** Where an ingress listens when nothing else is said. */
export const PUBLIC_URL_FALLBACK = 'http://127.0.0.1:8080'

/** The port of the probes. Each process has its own, so that one of each can run on one machine. */
export const healthPort = (fallback: number) =>
  integer({
    env: 'HOOKLET_HEALTH_PORT',
    doc: 'Port to listen on for probes; 0 takes a free one.',
    fallback,
    min: 0,
    max: 65_535,
  })

/** What every process of the data plane can be told. */
export const COMMON_SETTINGS = {
  host: optionalText({
    env: 'HOOKLET_HOST',
    doc: 'Address to listen on. Without it all, of IPv6 and of IPv4 where the machine has both.',
  }),
  artefacts: optionalText({
    env: 'HOOKLET_ARTEFACTS',
    doc: 'Folder of compiled routes and plans, as `hooklet compile` writes it. Followed while the process runs. Without it they come from an API server.',
  }),
  namespace: optionalText({
    env: 'HOOKLET_NAMESPACE',
    doc: "The operator's namespace, where the Secrets with compiled routes and plans are. Without it, the namespace of the kubeconfig's context or of the pod.",
  }),
  kubeconfig: optionalText({
    env: 'KUBECONFIG',
    doc: "Kubeconfig file of the API server. Without it `~/.kube/config` where there is one, else the pod's service account.",
  }),
  redis: text({
    env: 'HOOKLET_REDIS',
    doc: 'URL of the shared state; its forms are on the page about the state.',
    secret: true,
  }),
  redisPrefix: text({ env: 'HOOKLET_REDIS_PREFIX', doc: 'What every key begins with.', fallback: 'hooklet' }),
  installation: optionalText({
    env: 'HOOKLET_INSTALLATION',
    doc: 'Name of the installation that the process belongs to, the same for all its processes. It is refused where another one keeps its state under the same prefix.',
  }),
  partitions: integer({
    env: 'HOOKLET_PARTITIONS',
    doc: 'Into how many partitions the shared state is divided; the same for all processes; one that is set otherwise than what Redis holds is not ready, and says what to do.',
    fallback: 64,
    min: 1,
    max: 1024,
  }),
  lapseSeconds: integer({
    env: 'HOOKLET_LAPSE_SECONDS',
    doc: 'After this silence, in seconds, a process counts as dead, and what it held goes to others; the same for all processes.',
    fallback: 15,
    min: 1,
    max: 300,
  }),
  drainSeconds: integer({
    env: 'HOOKLET_DRAIN_SECONDS',
    doc: 'How long, in seconds, what is in flight may take to end after SIGTERM.',
    fallback: 70,
    min: 0,
    max: 3600,
  }),
  metricsPort: optionalInteger({
    env: 'HOOKLET_METRICS_PORT',
    doc: 'Port on which `GET /metrics` is answered, for Prometheus; 0 takes a free one. Without it there are no metrics.',
    min: 0,
    max: 65_535,
  }),
  logLevel: oneOf({
    env: 'HOOKLET_LOG_LEVEL',
    doc: 'The least severe lines to log.',
    fallback: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
  }),
} as const

type StateSettings = Pick<
  typeof COMMON_SETTINGS,
  'redis' | 'redisPrefix' | 'installation' | 'partitions' | 'lapseSeconds'
>

/** Where the shared state is and how it is divided, as the state wants to be told. */
export function stateOptions(config: Config<StateSettings>) {
  return {
    url: config.redis,
    prefix: config.redisPrefix,
    installation: config.installation ?? '',
    partitions: config.partitions,
    lapseMs: config.lapseSeconds * 1000,
  }
}

/** How many expressions are evaluated at once. */
export const EXPRESSION_WORKERS = integer({
  env: 'HOOKLET_EXPRESSION_WORKERS',
  doc: 'How many expressions are evaluated at the same time, each in a thread of its own.',
  fallback: 2,
  min: 1,
  max: 64,
})
