import { createHash } from 'node:crypto'
import type { ObjectName } from '../../operator/source.ts'
import { createExpressionPool } from '../../runner/expression/pool.ts'
import { createAdmission } from '../admission/admission.ts'
import { compileObjects } from '../manifests/compile.ts'
import type { Finding } from '../manifests/compile.ts'
import { formatFault } from '../manifests/document.ts'
import { isManifest, listFiles } from '../manifests/folder.ts'
import { createManifestStore } from '../manifests/store.ts'
import type { StoredObject } from '../manifests/store.ts'
import { explainedFolder, UsageError } from './command.ts'
import type { Command } from './command.ts'

export const lint: Command = {
  name: 'lint',
  usage: 'FILE… [OPTIONS]',
  summary: 'Checks manifests: schema, rules, tasks and every expression; exit code 1 when there is a fault.',
  options: {
    output: {
      type: 'string',
      value: 'FORMAT',
      help: 'text or json, one object a line (default: text on a terminal, else json)',
    },
  },

  async run({ positionals, values }, { stdout }) {
    if (positionals.length === 0) throw new UsageError('hooklet lint FILE…: name files or folders.')
    const output = values['output'] ?? (stdout.isTTY ? 'text' : 'json')
    if (output !== 'text' && output !== 'json') throw new UsageError('--output is text or json.')

    const findings: Finding[] = []
    for (const root of positionals) findings.push(...(await lintRoot(root)))
    for (const finding of findings)
      stdout.write(`${output === 'json' ? JSON.stringify(finding) : inColumns(finding)}\n`)
    const errors = findings.filter(({ severity }) => severity === 'error').length
    if (output === 'text')
      stdout.write(errors === 0 ? 'No faults.\n' : `${errors} ${errors === 1 ? 'fault' : 'faults'}.\n`)
    return errors === 0 ? 0 : 1
  },
}

async function lintRoot(root: string): Promise<Finding[]> {
  const files = await listFiles(root, isManifest).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(explainedFolder(error, root).message)
  })
  if (files.length === 0) throw new UsageError(`${root} holds no YAML file.`)
  const store = createManifestStore({ root, admission: createAdmission(), now: () => Date.now() })
  const { objects, faults } = await store.load()
  return [
    ...faults.map((fault) => ({ severity: 'error' as const, ...fault })),
    ...(await lintObjects(objects)),
  ]
}

/** What only shows when objects are compiled together. */
async function lintObjects(objects: StoredObject[]): Promise<Finding[]> {
  const expressions = createExpressionPool()
  try {
    return (await compileObjects(objects, { expressions, tokenOf })).findings
  } finally {
    await expressions.close()
  }
}

/** Any token will do, as long as no two are the same. */
function tokenOf({ namespace, name }: ObjectName): string {
  return createHash('sha256').update(`${namespace}/${name}`).digest('base64url')
}

function inColumns(finding: Finding): string {
  const text = formatFault(finding, (file) => file)
  return finding.severity === 'warning' ? `${text} (warning)` : text
}
