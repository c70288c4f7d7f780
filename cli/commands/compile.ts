import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { artefactFile } from '../../artefacts/folder.ts'
import type { Compilation } from '../../operator/compile.ts'
import { createToken } from '../../operator/tokens/token.ts'
import { createExpressionPool } from '../../runner/expression/pool.ts'
import { createAdmission } from '../admission/admission.ts'
import { createTokenStore } from '../dev/tokens.ts'
import { compileObjects } from '../manifests/compile.ts'
import { formatFault } from '../manifests/document.ts'
import { createManifestStore } from '../manifests/store.ts'
import { explainedFolder, optionalText, UsageError } from './command.ts'
import type { Command } from './command.ts'

export const compile: Command = {
  name: 'compile',
  usage: 'DIR --out DIR',
  summary: 'Compiles manifests into the artefacts that ingress and runner processes serve without a cluster.',
  options: {
    out: {
      type: 'string',
      value: 'DIR',
      help: 'Where the artefacts go; files that no manifest asks for go away',
    },
    'shared-globals': {
      type: 'string',
      value: 'NAMESPACE',
      help: 'Its globals apply to all namespaces, as those of the operator with HOOKLET_SHARED_GLOBALS',
    },
  },

  async run({ positionals: [root, ...more], values }, { stdout, stderr }) {
    const out = values['out']
    if (root === undefined || more.length > 0 || typeof out !== 'string')
      throw new UsageError(
        'hooklet compile DIR --out DIR: name one folder of manifests, and one for what is made of it.',
      )
    const store = createManifestStore({ root, admission: createAdmission(), now: () => Date.now() })
    const { objects, faults } = await store.load().catch((error: NodeJS.ErrnoException) => {
      throw explainedFolder(error, root)
    })
    await mkdir(out, { recursive: true, mode: 0o700 })
    const tokens = createTokenStore({
      file: path.join(out, 'tokens.json'),
      createToken: () => createToken(randomBytes),
      onUnsaved: (error) => {
        throw new Error(`The URL tokens can't be kept: ${error.message}`, { cause: error })
      },
    })
    const expressions = createExpressionPool()
    try {
      const { webhooks, workflows, findings } = await compileObjects(objects, {
        expressions,
        sharedGlobals: optionalText(values['shared-globals']),
        tokenOf: tokens.tokenOf,
      })
      for (const fault of [...faults, ...findings]) stderr.write(`${formatFault(fault, (file) => file)}\n`)
      const written = await writeArtefacts(out, { webhooks, workflows })
      stdout.write(`${written} artefacts in ${out}\n`)
      return faults.length + findings.length === 0 ? 0 : 1
    } finally {
      await expressions.close()
    }
  },
}

/**
 * Replaces the artefacts of the folder, each in one step; they hold secrets, so that only the owner may read
 * them.
 */
async function writeArtefacts(out: string, { webhooks, workflows }: Compilation): Promise<number> {
  const artefacts = new Map<string, object>()
  // Plans first: a route names those that its calls are for.
  for (const { plan } of workflows) if (plan) artefacts.set(artefactFile(plan, 'plan'), plan)
  for (const { route } of webhooks) if (route) artefacts.set(artefactFile(route, 'route'), route)
  for (const [file, artefact] of artefacts) {
    const target = path.join(out, file)
    await writeFile(`${target}.new`, JSON.stringify(artefact), { mode: 0o600 })
    await rename(`${target}.new`, target)
  }
  for (const file of await readdir(out))
    if (/\.(route|plan)\.json$/.test(file) && !artefacts.has(file)) await rm(path.join(out, file))
  return artefacts.size
}
