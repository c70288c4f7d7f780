import { readdirSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { helm } from '../support/kubernetes/helm.ts'
import type { ProgramResult } from '../support/program.ts'

export const CHART = path.join(import.meta.dirname, '../../charts/hooklet')
const folder = path.join(import.meta.dirname, 'values')

/** The value sets by name: what the chart comes with, and what users typically set. */
export const VALUE_SETS = Object.fromEntries(
  readdirSync(folder).map((file) => [path.basename(file, '.yaml'), path.join(folder, file)]),
)

export const NAMESPACE = 'hooklet-system'

/**
 * `helm template` of the chart; `values` are files of values or, as `name=value`, single ones, on top of the
 * set `default`.
 */
export function template(...values: string[]): Promise<ProgramResult> {
  const all = [VALUE_SETS['default'] ?? '', ...values]
  const given = all.flatMap((value) =>
    value.includes('=') ? ['--set-json', jsonOf(value)] : ['--values', value],
  )
  return helm(['template', 'hooklet', CHART, '--namespace', NAMESPACE, '--kube-version', '1.36.0', ...given])
}

/** `name=value` with a value in JSON; what isn't JSON is text. */
function jsonOf(given: string): string {
  const [name = '', ...rest] = given.split('=')
  const value = rest.join('=')
  try {
    JSON.parse(value)
    return given
  } catch {
    return `${name}=${JSON.stringify(value)}`
  }
}

export interface Rendered {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  spec?: Record<string, unknown>
  [field: string]: unknown
}

/** @throws when it can't be rendered. */
export async function render(...values: string[]): Promise<Rendered[]> {
  const { code, stdout, stderr } = await template(...values)
  if (code !== 0) throw new Error(stderr)
  const documents = parseAllDocuments(stdout)
  // A key that is there twice, for example.
  for (const { errors } of documents) if (errors[0]) throw errors[0]
  return documents.map((document) => document.toJS() as Rendered | null).filter((object) => object !== null)
}
