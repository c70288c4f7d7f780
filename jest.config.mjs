import { join } from 'node:path'
import { provideHelm } from './test/support/kubernetes/helm.ts'
import { provideKubernetes } from './test/support/kubernetes/provide.ts'
import { providePromtool } from './test/support/promtool.ts'
import { provideNode } from './test/support/node/provide.ts'
import {
  provideBuildah,
  provideChromium,
  provideProxies,
  provideRedis,
  provideValkey,
} from './test/support/provision.mjs'
import { provideTraefik } from './test/support/traefik.ts'

/** Tests start hundreds of processes of ours: what Node has compiled for one is kept for the next. */
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/hooklet')

/** Tests that start Redis servers. */
const ON_REDIS = ['/test/state/redis', '/test/state/cork', '/test/e2e/processes/', '/test/edge/']

const ON_VALKEY = ['/test/state/valkey']

/** Tests that build the Dockerfile. */
const ON_BUILDAH = ['/test/support/image/dockerfile']

/** Tests that call through proxies. */
const ON_PROXIES = ['/test/edge/proxies']
const ON_TRAEFIK = ['/test/edge/traefik']

/** Tests that start API servers. */
const ON_KUBERNETES = [
  '/test/cluster/',
  '/test/operator/kube/',
  '/test/charts/api-server',
  ...ON_BUILDAH,
  ...ON_TRAEFIK,
]

const ON_HELM = ['/test/charts/', ...ON_TRAEFIK]

/** Tests that ask Prometheus' own tool. */
const ON_PROMTOOL = ['/test/charts/rules', '/test/cluster/metrics']

/** Tests that install the chart on a real node. */
const ON_NODE = ['/test/e2e/cluster/']

/** They take minutes, and change the machine while they run: for CI, and when asked for. */
const wanted = process.env.HOOKLET_E2E ?? (process.env.CI ? 'node' : undefined)

/** Tests that open pages. */
const IN_CHROMIUM = ['/test/e2e/browser/']

const skipped = [
  ...(provideRedis(process.env) ? [] : [...ON_REDIS, ...ON_KUBERNETES]),
  ...(provideValkey(process.env) ? [] : ON_VALKEY),
  ...(provideBuildah(process.env) ? [] : ON_BUILDAH),
  ...(provideProxies(process.env) ? [] : ON_PROXIES),
  ...(provideChromium(process.env) ? [] : IN_CHROMIUM),
  ...((await provideKubernetes(process.env)) ? [] : ON_KUBERNETES),
  ...((await provideHelm(process.env)) ? [] : [...ON_HELM, ...ON_NODE]),
  ...((await providePromtool(process.env)) ? [] : ON_PROMTOOL),
  ...((await provideTraefik(process.env)) ? [] : ON_TRAEFIK),
  ...((await provideNode(process.env, wanted)) ? [] : ON_NODE),
]

/** Jest runs the TypeScript as Node does: types stripped, ES modules kept. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...skipped],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.mjs' },
  testTimeout: 30_000,
  testSequencer: '<rootDir>/test/support/parts.mjs',
  // Tests start servers and processes of their own, which need the other core; with more at a time, their clocks starve.
  maxWorkers: 1,
  // Of tests side by side (`test.concurrent`), which wait most of their time.
  maxConcurrency: 8,
}
