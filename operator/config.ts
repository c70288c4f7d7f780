import { baseUrl, flag, integer, words } from '../process/config.ts'
import { COMMON_SETTINGS, healthPort, PUBLIC_URL, PUBLIC_URL_FALLBACK } from '../process/settings.ts'

/** Everything that can be set of an operator process. */
export const OPERATOR_SETTINGS = {
  host: COMMON_SETTINGS.host,
  port: healthPort(8083),
  namespace: COMMON_SETTINGS.namespace,
  kubeconfig: COMMON_SETTINGS.kubeconfig,
  publicUrl: baseUrl({ ...PUBLIC_URL, fallback: PUBLIC_URL_FALLBACK }),
  watchNamespaces: words({
    env: 'HOOKLET_WATCH_NAMESPACES',
    doc: 'Whose resources the operator takes care of: namespaces with commas between them; empty for all.',
  }),
  sharedGlobals: flag({
    env: 'HOOKLET_SHARED_GLOBALS',
    doc: "Whether globals of the operator's namespace apply to all namespaces, too.",
    fallback: false,
  }),
  reconciles: integer({
    env: 'HOOKLET_RECONCILES',
    doc: 'How many resources are compiled and written at the same time.',
    fallback: 32,
    min: 1,
    max: 1000,
  }),
  expressionWorkers: integer({
    env: 'HOOKLET_EXPRESSION_WORKERS',
    doc: 'How many expressions are evaluated at the same time, each in a thread of its own.',
    fallback: 2,
    min: 1,
    max: 64,
  }),
  metricsPort: COMMON_SETTINGS.metricsPort,
  logLevel: COMMON_SETTINGS.logLevel,
} as const
