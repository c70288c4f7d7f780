import { baseUrl, flag, integer, words } from '../process/config.ts'
import {
  COMMON_SETTINGS,
  EXPRESSION_WORKERS,
  healthPort,
  PUBLIC_URL,
  PUBLIC_URL_FALLBACK,
} from '../process/settings.ts'

/** Everything that can be set of an operator process. */
export const OPERATOR_SETTINGS = {
  host: COMMON_SETTINGS.host,
  healthPort: healthPort(8083),
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
  expressionWorkers: EXPRESSION_WORKERS,
  metricsPort: COMMON_SETTINGS.metricsPort,
  logLevel: COMMON_SETTINGS.logLevel,
} as const
