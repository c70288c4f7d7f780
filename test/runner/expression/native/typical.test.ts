import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import type { Workflow } from '../../../../crds/types.gen.ts'
import { readWorkflow } from '../../../../operator/workflow/read.ts'
import { compileNative } from '../../../../runner/expression/native/native.ts'

const root = path.join(import.meta.dirname, '../../../..')

/** Of examples and documentation, what takes jq. */
const BY_JQ = ['.body | if type == "string" then fromjson else . end | .Message']

test('what examples and documentation show is evaluated natively, but for what is named here', async () => {
  const programs = (await manifests()).flatMap((text) => workflowsOf(text).flatMap(programsOf))
  const left = programs.filter((program) => !compileNative(program, 1000))
  expect(programs.length - left.length).toBeGreaterThan(60)
  expect(left.flatMap(({ jq }) => BY_JQ.filter((expression) => jq.includes(expression)))).toEqual(BY_JQ)
  expect(
    left.map(({ jq }) => jq).filter((jq) => !BY_JQ.some((expression) => jq.includes(expression))),
  ).toEqual([])
})

/** All manifests of examples/ and of the pages. */
async function manifests(): Promise<string[]> {
  const read = async (folder: string, extension: string): Promise<string[]> => {
    const names = await readdir(path.join(root, folder), { recursive: true })
    const files = names
      .filter((name) => name.endsWith(extension))
      .map((name) => path.join(root, folder, name))
    return Promise.all(files.map((file) => readFile(file, 'utf8')))
  }
  const pages = [await readFile(path.join(root, 'README.md'), 'utf8'), ...(await read('docs', '.md'))]
  const fences = pages.flatMap((page) =>
    [...page.matchAll(/^```yaml\n([^]*?)^```/gm)].map(([, text = '']) => text),
  )
  return [...(await read('examples', '.yaml')), ...fences]
}

function workflowsOf(text: string): Workflow[] {
  const values = parseAllDocuments(text).map((document) => document.toJS() as unknown)
  return values.filter(
    (value): value is Workflow =>
      typeof value === 'object' && (value as Workflow | null)?.kind === 'Workflow',
  )
}

function programsOf(workflow: Workflow): { jq: string; variables: string[] }[] {
  return readWorkflow(workflow).report.programs.map(({ program }) => program)
}
