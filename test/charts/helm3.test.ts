/**
 * The oldest Helm that the documentation promises makes the same of the chart as the newest, by which the
 * golden files are written.
 */
import { describe, expect, jest, test } from '@jest/globals'
import { helm } from '../support/kubernetes/helm.ts'
import { CHART, NAMESPACE, VALUE_SETS } from './render.ts'

jest.setTimeout(60_000)

const common = ['--kube-version', '1.36.0', '--values', VALUE_SETS['default'] ?? '']

describe.each(Object.entries(VALUE_SETS))('values %s', (_, values) => {
  test('Helm 3 lints without a fault', async () => {
    const { code, stdout } = await helm(['lint', '--strict', ...common, CHART, '--values', values], {
      which: 'oldest',
    })
    expect({ code, faults: stdout.match(/\[(ERROR|WARNING)\].*/g) }).toEqual({ code: 0, faults: null })
  })

  test('Helm 3 renders what Helm 4 does', async () => {
    const template = ['template', 'hooklet', CHART, '--namespace', NAMESPACE, ...common, '--values', values]
    const [oldest, newest] = await Promise.all(
      (['oldest', 'newest'] as const).map((which) => helm(template, { which })),
    )
    expect({ code: oldest?.code, documents: documents(oldest?.stdout) }).toEqual({
      code: 0,
      documents: documents(newest?.stdout),
    })
  })
})

/** Without blank lines, which differ, and the password, which is a new one each time. */
function documents(rendered = ''): string[] {
  return rendered
    .replaceAll(/^ {2}password: "\w{32}"$/gm, '')
    .split(/^---\n/m)
    .map((document) => document.trim())
    .filter((document) => document !== '')
    .toSorted()
}

test('Helm 3 refuses a wrong value with its path', async () => {
  const { code, stderr } = await helm(
    ['template', 'hooklet', CHART, ...common, '--set', 'ingress.replicas=two'],
    { which: 'oldest' },
  )
  expect(code).not.toBe(0)
  expect(stderr).toContain('ingress.replicas')
})
