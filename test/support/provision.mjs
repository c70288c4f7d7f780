import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FOUND = 0

function runs(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === FOUND
}

const rootOnDebian = () => process.getuid?.() === 0 && runs('apt-get', ['--version'])

/** Installs packages without their init scripts: the tests start servers of their own. */
function install(names, env, settings = []) {
  const options = { stdio: 'ignore', env: { ...env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' } }
  spawnSync('apt-get', [...settings, 'update'], { stdio: 'ignore' })
  spawnSync('apt-get', [...settings, 'install', '-y', '--no-install-recommends', ...names], options)
}

/**
 * Makes sure that tests find a real Redis server: the one that HOOKLET_REDIS_SERVER names, else redis-server, which is
 * installed where that can be done (root on Debian). False when there is none; throws instead when CI asks for every test.
 */
export function provideRedis(env) {
  const binary = env.HOOKLET_REDIS_SERVER ?? 'redis-server'
  if (runs(binary, ['--version'])) return true
  if (rootOnDebian()) {
    process.stderr.write('Tests need redis-server: installing it with apt-get.\n')
    install(['redis-server'], env)
    if (runs(binary, ['--version'])) return true
  }
  const how =
    'Install Redis 7 or Valkey 7.2 (Debian: apt-get install redis-server; macOS: brew install redis).'
  if (env.CI) throw new Error(`No ${binary} for the tests. ${how}`)
  process.stderr.write(`\n*** SKIPPED: all tests on a real Redis, because ${binary} is not there. ${how}\n\n`)
  return false
}

/**
 * The same for Valkey, which HOOKLET_VALKEY_SERVER names. Debian 12 has it among its backports only; those are looked at without leaving
 * them in the machine's sources. Where no package is to be had, its tests are skipped, in CI as well.
 */
export function provideValkey(env) {
  const binary = env.HOOKLET_VALKEY_SERVER ?? 'valkey-server'
  if (runs(binary, ['--version'])) return true
  if (rootOnDebian()) {
    process.stderr.write('Tests can use valkey-server: installing it with apt-get.\n')
    install(['valkey-server'], env)
    if (!runs(binary, ['--version'])) installBackport('valkey-server', env)
    if (runs(binary, ['--version'])) return true
  }
  process.stderr.write(
    `\n*** SKIPPED: the tests on Valkey, because ${binary} is not there and no package has it.\n\n`,
  )
  return false
}

function installBackport(name, env) {
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  // Where the machine gets Debian from, its backports are as well.
  const mirror = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'], {
    encoding: 'utf8',
  })
    .stdout.split('\n')
    .find((uri) => /debian\/?$/.test(uri))
  if (codename === undefined || mirror === undefined) return
  const folder = mkdtempSync(join(tmpdir(), 'hooklet-apt-'))
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true })
  const source = [
    'Types: deb',
    `URIs: ${mirror}`,
    `Suites: ${codename}-backports`,
    'Components: main',
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
  ]
  writeFileSync(join(folder, 'backports.sources'), `${source.join('\n')}\n`)
  const settings = {
    'Dir::Etc::sourcelist': join(folder, 'backports.sources'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(folder, 'lists'),
  }
  install(
    [name],
    env,
    Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]),
  )
  rmSync(folder, { recursive: true })
}

/**
 * Makes sure that tests find a real Chromium: the one that HOOKLET_CHROMIUM names by its whole path, else the one of the Debian package, which is installed where that
 * can be done. False when there is none; throws instead when CI asks for every test.
 */
export function provideChromium(env) {
  const binary = env.HOOKLET_CHROMIUM ?? '/usr/bin/chromium'
  if (existsSync(binary)) return true
  if (env.HOOKLET_CHROMIUM === undefined && rootOnDebian()) {
    process.stderr.write('Tests need chromium: installing it with apt-get.\n')
    install(['chromium'], env)
    if (existsSync(binary)) return true
  }
  const how = 'Install it (Debian: apt-get install chromium), or name one with HOOKLET_CHROMIUM.'
  if (env.CI) throw new Error(`No ${binary} for the tests. ${how}`)
  process.stderr.write(
    `\n*** SKIPPED: all tests in a real browser, because ${binary} is not there. ${how}\n\n`,
  )
  return false
}

/**
 * Makes sure that tests find Buildah, which builds the Dockerfile without Docker, and runc, which runs what it built: Debian's, for root who may mount.
 * Where they can't be had, in CI as well, their tests are skipped.
 */
export function provideBuildah(env) {
  const isThere = () => ['buildah', 'runc', 'dpkg'].every((program) => runs(program, ['--version']))
  const mayMount =
    process.getuid?.() === 0 && runs('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'])
  if (mayMount && !isThere() && rootOnDebian()) {
    process.stderr.write('Tests can build the Dockerfile: installing buildah and runc with apt-get.\n')
    install(['buildah', 'runc'], env)
  }
  if (mayMount && isThere()) return true
  process.stderr.write(
    '\n*** SKIPPED: the tests that build the Dockerfile and run it. They need root who may mount, and buildah and runc of Debian.\n\n',
  )
  return false
}

/** Programs, and packages of the same name. */
const PROXIES = ['nginx', 'haproxy', 'caddy', 'apache2']

const missingProxies = () => PROXIES.filter((program) => !runs('sh', ['-c', `command -v ${program}`]))

/**
 * The same for the proxies that the documentation has configurations of: nginx, HAProxy, Caddy and Apache, of Debian. Where one is missing, in CI as well,
 * their tests are skipped.
 */
export function provideProxies(env) {
  if (missingProxies().length > 0 && rootOnDebian()) {
    process.stderr.write(`Tests can use ${missingProxies().join(', ')}: installing with apt-get.\n`)
    install(missingProxies(), env)
  }
  if (missingProxies().length === 0) return true
  process.stderr.write(
    `\n*** SKIPPED: the tests behind proxies, because there is no ${missingProxies().join(', ')}.\n\n`,
  )
  return false
}
