import TestSequencer from '@jest/test-sequencer'

/** On a real node, which has the machine for itself as far as it needs it. */
const NODE = [/^test\/e2e\/cluster\//]

/**
 * What has time: nothing of it asks how long something took, and it waits long for everything. Who adds a test that
 * does names its file in another place than these.
 */
const PATIENT = [
  /^test\/(artefacts|bench|charts|crds|fuzz|operator|process|support)\//,
  /^test\/cli\/(?!dev\.)/,
  /^test\/ingress\/verify\//,
  /^test\/runner\/(?!expression\/jq\.)/,
  /^test\/cluster\/(bindings|cluster|crds|former-plans|kubectl|late-runner|metrics|namespaces|rbac|tenants|uninstall)\./,
]

/**
 * Divides the tests for CI, which runs the first two parts side by side: `--shard=1/3` are those on a real node,
 * `--shard=2/3` those that have time, `--shard=3/3` all others. Other numbers of parts are Jest's own.
 */
export default class Parts extends TestSequencer {
  shard(tests, options) {
    if (options.shardCount !== 3) return super.shard(tests, options)
    return tests.filter((test) => partOf(test) === options.shardIndex)
  }
}

function partOf({ path, context }) {
  const file = path.slice(context.config.rootDir.length + 1)
  const isOf = (patterns) => patterns.some((pattern) => pattern.test(file))
  if (isOf(NODE)) return 1
  return isOf(PATIENT) ? 2 : 3
}
