import { spawnSync } from 'node:child_process'

const FOUND = 0

function runs(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === FOUND
}

/**
 * Makes sure that tests find a real Redis server: the one that HOOKLET_REDIS_SERVER names, else redis-server, which is
 * installed where that can be done (root on Debian). False when there is none; throws instead when CI asks for every test.
 */
export function provideRedis(env) {
  const binary = env.HOOKLET_REDIS_SERVER ?? 'redis-server'
  if (runs(binary, ['--version'])) return true
  if (process.getuid?.() === 0 && runs('apt-get', ['--version'])) {
    process.stderr.write('Tests need redis-server: installing it with apt-get.\n')
    spawnSync('apt-get', ['update'], { stdio: 'ignore' })
    // Without its init script: the tests start servers of their own.
    const options = { stdio: 'ignore', env: { ...env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' } }
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], options)
    if (runs(binary, ['--version'])) return true
  }
  const how =
    'Install Redis 7 or Valkey 7.2 (Debian: apt-get install redis-server; macOS: brew install redis).'
  if (env.CI) throw new Error(`No ${binary} for the tests. ${how}`)
  process.stderr.write(`\n*** SKIPPED: all tests on a real Redis, because ${binary} is not there. ${how}\n\n`)
  return false
}
