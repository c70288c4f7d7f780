import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { runHooklet, spawnHooklet } from '../support/hooklet.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-lint-'))
})
afterEach(() => rm(folder, { recursive: true }))

interface Finding {
  severity: string
  file: string
  line: number
  path: string
  message: string
}

async function lint(text: string): Promise<{ code: number; findings: Finding[] }> {
  const file = path.join(folder, 'x.yaml')
  await writeFile(file, text)
  const { code, stdout } = await runHooklet(['lint', file])
  return {
    code,
    findings: stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Finding),
  }
}

const workflow = (tasks: string): string => `apiVersion: hooklet.dev/v1alpha1
kind: Workflow
metadata: {name: w}
spec:
  triggers: [{webhook: h}]
  do:
${tasks}
---
apiVersion: hooklet.dev/v1alpha1
kind: Webhook
metadata: {name: h}
spec: {}
`

test('a right file has no finding and exit code 0', async () => {
  expect(await lint(workflow('    - a: {set: {x: 1}}'))).toEqual({ code: 0, findings: [] })
})

describe('each mistake is one finding with its line, and the exit code is 1', () => {
  test.each([
    ['a typo in a task', '    - a: {sett: {x: 1}}', 7, 'spec.do[0].a', /did you mean "set"/],
    ['an unknown target', '    - a: {set: {x: 1}, then: nowhere}', 7, 'spec.do[0].a.then', /nowhere/],
    [
      'an expression that does not compile',
      "    - a:\n        set:\n          x: '${ .a | }'",
      9,
      'spec.do[0].a.set.x',
      /./,
    ],
    ['a construct that can not be run yet', '    - a: {fork: {branches: []}}', 7, 'spec.do[0].a', /fork/],
  ])('%s', async (_, tasks, line, where, message) => {
    const { code, findings } = await lint(workflow(tasks))
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatchObject({ severity: 'error', line, message: expect.stringMatching(message) })
    expect(findings[0]?.path.startsWith(where)).toBe(true)
    expect(code).toBe(1)
  })

  test.each([
    ['a value out of bounds', 'limits: {connections: 0}', /at least 1/],
    [
      'a rule of the CRD',
      'verification: {type: Fitbit, code: {value: c}}\n  response: {statusCode: 200}',
      /204/,
    ],
  ])('%s', async (_, spec, message) => {
    const { code, findings } = await lint(
      `apiVersion: hooklet.dev/v1alpha1\nkind: Webhook\nmetadata: {name: h}\nspec:\n  ${spec}\n`,
    )
    expect(code).toBe(1)
    expect(findings).toEqual([expect.objectContaining({ message: expect.stringMatching(message) })])
    expect(findings[0]?.line).toBeGreaterThanOrEqual(4)
  })
})

test('what may be outside the files is a warning only', async () => {
  const { code, findings } = await lint(
    'apiVersion: hooklet.dev/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  triggers: [{webhook: elsewhere}]\n  do: [{a: {set: {x: 1}}}]\n',
  )
  expect(code).toBe(0)
  expect(findings).toEqual([expect.objectContaining({ severity: 'warning', line: 5 })])
})

test('the text form names file, line, column and path', async () => {
  const file = path.join(folder, 'x.yaml')
  await writeFile(file, workflow('    - a: {sett: {x: 1}}'))
  const { code, stdout } = await runHooklet(['lint', '--output', 'text', file])
  expect(stdout).toMatch(new RegExp(`^${file}:7:\\d+ spec\\.do\\[0\\]\\.a.*\n1 fault\\.\n$`))
  expect(code).toBe(1)
})

test('the examples are right', async () => {
  const { code, stdout } = await runHooklet(['lint', 'examples'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
})

test.each([
  [[], 2, /name files or folders/],
  [['no-such-file.yaml'], 2, /There is no file or folder/],
  [['--output', 'xml', 'examples'], 2, /text or json/],
  [['--nonsense'], 2, /nonsense/],
])('wrong arguments %j', async (args, code, message) => {
  const result = await runHooklet(['lint', ...args])
  expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
})

describe('the command', () => {
  test.each([
    [['-h'], 0, /Commands:\n {2}dev /, /^$/],
    [['help', 'lint'], 0, /^Usage: hooklet lint /, /^$/],
    [['lint', '-h'], 0, /^Usage: hooklet lint /, /^$/],
    [['-v'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
    [['lnit'], 2, /^$/, /There is no command lnit, did you mean "lint"\?/],
    [['lint', '--foo'], 2, /^$/, /^hooklet: Unknown option '--foo'\.\n/],
    [
      ['compile', 'no-such-folder', '--out', 'no-such-folder'],
      1,
      /^$/,
      /There is no file or folder no-such-folder/,
    ],
  ])('%j', async (args, code, stdout, stderr) => {
    const result = await runHooklet(args)
    expect(result).toEqual({
      code,
      stdout: expect.stringMatching(stdout),
      stderr: expect.stringMatching(stderr),
    })
  })

  test('says nothing of a reader that stops to read', async () => {
    const file = path.join(folder, 'x.yaml')
    const faulty =
      'apiVersion: hooklet.dev/v1alpha1\nkind: Webhook\nmetadata: {name: h}\nspec: {nonsense: 1}\n---\n'
    await writeFile(file, faulty.repeat(2_000))
    const child = spawnHooklet(['lint', file])
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.stdout?.once('data', () => child.stdout?.destroy())
    const [code] = (await once(child, 'close')) as [number]
    expect([code, stderr]).toEqual([1, ''])
  })
})
