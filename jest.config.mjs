import { provideRedis } from './test/support/provision.mjs'

/** Tests that start Redis servers. */
const ON_REDIS = ['/test/state/redis', '/test/state/cork', '/test/e2e/processes/']

/** Jest runs the TypeScript as Node does: types stripped, ES modules kept. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...(provideRedis(process.env) ? [] : ON_REDIS)],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.mjs' },
  testTimeout: 30_000,
  // Tests start servers and processes of their own, which need the other core; with more at a time, their clocks starve.
  maxWorkers: 1,
}
