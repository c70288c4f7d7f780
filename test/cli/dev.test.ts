import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startFolder } from '../support/dev.ts'
import type { ServedFolder } from '../support/dev.ts'
import { runHooklet, spawnHooklet } from '../support/hooklet.ts'

const TOKEN = 'a-pinned-token-0123456789'
let folder: string
let server: ServedFolder | undefined

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-dev-'))
})
afterEach(async () => {
  await server?.stop()
  server = undefined
  await rm(folder, { recursive: true })
})

const put = (file: string, text: string): Promise<void> => writeFile(path.join(folder, file), text)

const SETTINGS = `apiVersion: v1
kind: Secret
metadata: {name: url}
stringData: {token: ${TOKEN}}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  labels: {hooklet.dev/globals: "true"}
data:
  GREETING: Hello
`
const HOOK = `apiVersion: hooklet.dev/v1alpha1
kind: Webhook
metadata: {name: hook}
spec:
  tokenFrom: {secretKeyRef: {name: url, key: token}}
  response: {mode: Reply}
`
const workflow = (body: string): string => `apiVersion: hooklet.dev/v1alpha1
kind: Workflow
metadata: {name: hook}
spec:
  triggers: [{webhook: hook}]
  do:
    - answer: {call: reply, with: {body: '${body}'}}
`

async function serve(): Promise<void> {
  await put('settings.yaml', SETTINGS)
  await put('hook.yaml', HOOK)
  await put('flow.yaml', workflow('${ "\\($globals.GREETING) \\(.path) \\(.query.x)" }'))
  server = await startFolder(folder)
}

async function call(suffix = ''): Promise<{ status: number; text: string }> {
  const response = await fetch(`${server?.baseUrl}/webhooks/${TOKEN}${suffix}`)
  return { status: response.status, text: await response.text() }
}

/** Edits a file and resolves when the edit is reported; fails when that takes a second. */
async function edit(file: string, text: string | undefined): Promise<ServedFolder['faults']> {
  if (!server) throw new Error('not serving')
  const started = performance.now()
  const reported = server.nextReport(() => true)
  if (text === undefined) await rm(path.join(folder, file))
  else await put(file, text)
  const { faults } = await reported
  expect(performance.now() - started).toBeLessThan(1_000)
  return faults
}

describe('a folder with a pinned token, a global and a workflow', () => {
  test('is served under the pinned token, with path and query', async () => {
    await serve()
    expect(server?.faults).toEqual([])
    expect(await call('/any/path?x=1')).toEqual({ status: 200, text: 'Hello /any/path 1' })
  })

  test('an edit is live within a second', async () => {
    await serve()
    expect(await edit('flow.yaml', workflow('${ "new" }'))).toEqual([])
    expect((await call()).text).toBe('new')
  })

  test('an edit of a global is live within a second', async () => {
    await serve()
    await edit('settings.yaml', SETTINGS.replace('Hello', 'Good day'))
    expect((await call('/p?x=2')).text).toBe('Good day /p 2')
  })

  test('a broken edit is reported with file and line, and the last good version is served on', async () => {
    await serve()
    const broken: [file: string, text: string, line: number][] = [
      ['flow.yaml', 'kind: [', 1],
      ['flow.yaml', workflow('x').replace('triggers', 'trigers'), 5],
      ['flow.yaml', workflow('${ .a | }'), 7],
      ['hook.yaml', HOOK.replace('Reply', 'Rely'), 6],
    ]
    for (const [file, text, line] of broken) {
      const faults = await edit(file, text)
      expect(faults.map((fault) => path.basename(fault.file))).toContain(file)
      expect(faults.map((fault) => fault.line)).toContain(line)
      expect(await call('/p?x=2')).toEqual({ status: 200, text: 'Hello /p 2' })
    }
  })

  test('a deleted file takes its webhook away', async () => {
    await serve()
    await edit('hook.yaml', undefined)
    expect((await call()).status).toBe(404)
  })

  test('a Secret that goes closes the door', async () => {
    await serve()
    await put('door.yaml', `apiVersion: v1\nkind: Secret\nmetadata: {name: door}\nstringData: {p: secret}\n`)
    await edit(
      'hook.yaml',
      `${HOOK}  auth: {basic: {password: {valueFrom: {secretKeyRef: {name: door, key: p}}}}}\n`,
    )
    expect((await call()).status).toBe(401)
    const faults = await edit('door.yaml', undefined)
    expect(faults).toEqual([
      expect.objectContaining({ path: expect.stringContaining('spec.auth.basic.password') }),
    ])
    expect((await call()).status).toBe(503)
  })
})

test('URLs stay over a restart', async () => {
  await put('hook.yaml', HOOK.replace(/  tokenFrom.*\n/, ''))
  const args = ['dev', folder, '--port', '0', '--state-dir', path.join(folder, '.state')]
  const [first, second] = [await tableOf(args), await tableOf(args)]
  const token = /webhooks\/([\w-]{32})\n/
  expect(token.exec(first.stdout)?.[1]).toBeDefined()
  expect(token.exec(first.stdout)?.[1]).toBe(token.exec(second.stdout)?.[1])
  expect(first.stderr).not.toContain(token.exec(first.stdout)?.[1])
})

test('the line for a WebSocket connects a terminal with it', async () => {
  const state = path.join(folder, '.state')
  const said = await tableOf(
    ['dev', 'examples/chat', '--port', '0', '--state-dir', state],
    async (stdout) => {
      const line = stdout.split('\n').find((one) => one.includes('node -e')) ?? ''
      // The Node that runs this, whatever the shell would find.
      const terminal = spawn('sh', ['-c', line.trim().replace(/^node/, `'${process.execPath}'`)])
      let heard = ''
      terminal.stdin.write('hello\n')
      for await (const chunk of terminal.stdout) {
        heard += String(chunk)
        if (heard.includes('echo')) break
      }
      terminal.kill()
      return { heard }
    },
  )
  expect(said.lines['heard']).toMatch(
    /"type":"welcome"[^]*\{"text":"hello","type":"echo"\}|\{"type":"echo","text":"hello"\}/,
  )
})

test('every curl line of the printed table works', async () => {
  const state = path.join(folder, '.state')
  const { lines } = await tableOf(
    ['dev', 'examples', '--port', '0', '--state-dir', state],
    async (stdout) => {
      const found = stdout.split('\n').flatMap((line) => (line.includes(' curl ') ? [line.trim()] : []))
      const statuses: Record<string, string> = {}
      for (const line of found) {
        const asked = line.replace('curl -sS', `curl -sS -o '${path.join(folder, 'body')}' -w '%{http_code}'`)
        statuses[line] = (await promisify(execFile)('sh', ['-c', asked])).stdout
      }
      return statuses
    },
  )
  expect(Object.keys(lines).length).toBeGreaterThanOrEqual(7)
  for (const [line, status] of Object.entries(lines))
    expect([line, status]).toEqual([line, expect.stringMatching(/^20[0-4]$/)])
})

/**
 * Starts the command, does something once its table is printed, ends it with SIGTERM and expects a clean
 * exit.
 */
async function tableOf(
  args: string[],
  during: (stdout: string) => Promise<Record<string, string>> = () => Promise.resolve({}),
): Promise<{ stdout: string; stderr: string; lines: Record<string, string> }> {
  const child = spawnHooklet(args)
  let stdout = ''
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`exit ${code}: ${stderr}`)))
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
        stdout += chunk
        if (stdout.endsWith('\n\n')) resolve()
      })
    })
    return { stdout, stderr, lines: await during(stdout) }
  } finally {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  }
}

test('globals of the namespace that shares its own apply everywhere, and yield to those of a namespace itself', async () => {
  const globals = (namespace: string, data: object): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'shared', namespace, labels: { 'hooklet.dev/globals': 'true' } },
      data,
    })
  await put('shared.yaml', globals('platform', { GREETING: 'Welcome', PLACE: 'everywhere' }))
  await put('settings.yaml', SETTINGS)
  await put('hook.yaml', HOOK)
  await put('flow.yaml', workflow('${ "\\($globals.GREETING) \\($globals.PLACE)" }'))
  server = await startFolder(folder, { sharedGlobals: 'platform' })
  expect(server.faults).toEqual([])
  const answer = await fetch(server.placeholder('hook') ?? '')
  expect(await answer.text()).toBe('Hello everywhere')
})

describe('what the command says', () => {
  const args = (root: string): string[] => [
    'dev',
    root,
    '--port',
    '0',
    '--state-dir',
    path.join(folder, '.state'),
  ]

  test('of a folder without webhooks that there are none', async () => {
    expect((await tableOf(args(folder))).stdout).toMatch(/^Hooklet serves .*\n\n {2}No webhooks yet\.\n\n$/)
  })

  test('of basic credentials whose halves are both blank that nobody has to show any', async () => {
    await put('hook.yaml', `${HOOK}  auth: {basic: {username: {value: ''}, password: {value: ''}}}\n`)
    await put('settings.yaml', SETTINGS)
    const { stdout } = await tableOf(args(folder))
    expect(stdout).toContain(TOKEN)
    expect(stdout).not.toContain('Authorization')
  })

  test('of a webhook whose calls start nothing, why', async () => {
    await put('settings.yaml', SETTINGS)
    await put('hook.yaml', HOOK)
    expect((await tableOf(args(folder))).stdout).toContain('no Workflow has a trigger for it yet')
    await put('flow.yaml', workflow('x'))
    expect((await tableOf(args(folder))).stdout).not.toContain('no Workflow')
    await put('flow.yaml', workflow('x').replace('spec:', 'spec:\n  suspend: true'))
    expect((await tableOf(args(folder))).stdout).toContain('paused: all of its Workflows are suspended')
    await put('hook.yaml', `${HOOK}  suspend: true\n`)
    expect((await tableOf(args(folder))).stdout).toContain('suspended: calls start nothing')
  })

  test('of an address that is not of this machine', async () => {
    const { code, stderr } = await runHooklet([...args(folder), '--host', '192.0.2.1'])
    expect([code, stderr]).toEqual([1, expect.stringContaining('192.0.2.1 is no address of this machine')])
  })
})

test('one file that can not be read keeps no other from being served', async () => {
  await put('settings.yaml', SETTINGS)
  await put('hook.yaml', HOOK)
  await mkdir(path.join(folder, 'folder'))
  await symlink('folder', path.join(folder, 'linked.yaml'))
  server = await startFolder(folder)
  expect(server.faults).toEqual([
    expect.objectContaining({ file: path.join(folder, 'linked.yaml'), message: "can't be read (EISDIR)" }),
  ])
  expect((await call()).status).toBe(502)
  const mended = server.nextReport(({ faults }) => faults.length === 0)
  await rm(path.join(folder, 'linked.yaml'))
  await mended
})
